import * as z from 'zod';
import { configSchema } from './config.ts';

/**
 * The JSON Schema of cdk.json, with which editors complete and check the settings under `context.userSync`. `npm run docs` writes it to
 * `infra/settings.schema.json`. Rules between settings are checked only by the program.
 */
export function settingsJsonSchema(): object {
  const { $schema, ...settings } = z.toJSONSchema(configSchema, { io: 'input' });
  const settingsOfStack = { $ref: '#/$defs/settings' };
  const accounts = {
    type: 'object',
    properties: {
      defaults: settingsOfStack,
      accounts: { type: 'object', additionalProperties: settingsOfStack },
    },
    required: ['accounts'],
    additionalProperties: false,
  };
  return {
    $schema,
    title: 'cdk.json of user-sync',
    type: 'object',
    properties: {
      context: {
        type: 'object',
        properties: {
          userSync: {
            description: 'Settings of one stack, or of several under "accounts". See infra/config.ts.',
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            ...{ if: { required: ['accounts'] }, then: accounts, else: settingsOfStack },
          },
        },
      },
    },
    $defs: { settings },
  };
}
