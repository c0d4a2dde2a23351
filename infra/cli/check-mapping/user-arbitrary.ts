import fc from 'fast-check';
import * as z from 'zod';
import { type User, userSchema } from '../../../shared/user/user.ts';

/** The parts of JSON Schema that the user schema uses. */
interface JsonSchema {
  type?: string;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Range of generated times around now, where rules about time make a difference. */
const PAST_DAYS = 400;
const FUTURE_DAYS = 30;
const MAX_NUMBER = 1000;

/**
 * Generates users from the user schema, so that a new attribute is covered at once. The attribute `crm` is left out.
 *
 * @param now epoch milliseconds: generated times are around it.
 */
export function arbitraryUser(now: number): fc.Arbitrary<User> {
  const { properties = {}, ...schema } = z.toJSONSchema(userSchema, { io: 'output' }) as JsonSchema;
  const { crm: _, ...appProperties } = properties;
  return arbitraryOf({ ...schema, properties: appProperties }, now) as fc.Arbitrary<User>;
}

function arbitraryOf(schema: JsonSchema, now: number): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each) => arbitraryOf(each, now)));
  switch (schema.type) {
    case 'object': {
      const parts = Object.entries(schema.properties ?? {}).map(([key, part]) => [
        key,
        arbitraryOf(part, now),
      ]);
      return fc.record(Object.fromEntries(parts), { requiredKeys: (schema.required ?? []) as never[] });
    }
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}, now), { maxLength: 4 });
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? 0,
        max: Math.min(schema.maximum ?? MAX_NUMBER, MAX_NUMBER),
      });
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? MAX_NUMBER, noNaN: true });
    case 'string':
      return schema.format?.startsWith('date') ? moment(schema.format, now) : fc.string({ minLength: 1 });
    default:
      return fc.anything();
  }
}

function moment(format: string, now: number): fc.Arbitrary<string> {
  return fc
    .integer({ min: now - PAST_DAYS * DAY_MS, max: now + FUTURE_DAYS * DAY_MS })
    .map((time) => new Date(time).toISOString())
    .map((text) => (format === 'date' ? text.slice(0, 10) : text));
}
