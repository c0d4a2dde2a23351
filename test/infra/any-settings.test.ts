import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../infra/config.ts';
import { InvalidInputError, parseInput } from '../../lambdas/backfill/input.ts';

const part = fc.oneof(fc.anything(), fc.constantFrom('team', 25, '25', null, {}, []));

it('any settings are accepted, or rejected with a line that says why', () => {
  const settings = fc.oneof(
    part,
    fc.record(
      {
        stackName: part,
        crm: fc.oneof(part, fc.record({ url: part, limits: part, latencyP95Ms: part })),
        userTable: fc.oneof(part, fc.record({ arn: part, streamArn: part })),
        backfill: part,
        deletionPolicy: part,
        encryptionKey: part,
      },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(settings, (input) => {
      try {
        parseConfig(input);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as Error).message.split('\n').slice(1).length).toBeGreaterThan(0);
      }
    }),
  );
});

it('any input of the state machine is accepted, or rejected with an example', () => {
  const input = fc.oneof(
    part,
    fc.record(
      { mode: part, dryRun: part, limit: part, maxInFlight: part, requestBudget: part },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(input, (given) => {
      try {
        parseInput(given);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidInputError);
        expect((error as Error).message).toMatch(/Example: /);
      }
    }),
  );
});
