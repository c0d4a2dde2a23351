import { type User, userSchema } from './user.ts';
import '../zod-messages.ts';

/** Something about a user that could not be used as it is. Never holds the value itself. */
export interface Warning {
  /** Path of the attribute or name of the field, for example `progress.week`. */
  field: string;
  problem: string;
  /** For code that counts this problem. */
  reason?: 'unknown-staff';
}

/** An item that is no user at all: it has no usable `userId`. */
export class InvalidUserError extends Error {
  override name = 'InvalidUserError';
}

/**
 * Reads an item of the user table. Null and an empty text are no value. An attribute of the wrong type or with an impossible value counts
 * as missing and is named in `warnings`; the rest of the user is kept, since one bad attribute is no reason to lose a person.
 *
 * @throws InvalidUserError when the item has no `userId`.
 */
export function readUser(item: Record<string, unknown>): { user: User; warnings: Warning[] } {
  const warnings: Warning[] = [];
  let candidate = withoutEmpty(item);
  for (;;) {
    const result = userSchema.safeParse(candidate);
    if (result.success) return { user: result.data, warnings };
    for (const { path, message } of result.error.issues) {
      if (path.length === 0 || path[0] === 'userId') throw new InvalidUserError(`userId: ${message}`);
      candidate = without(candidate, path);
      warnings.push({ field: path.join('.'), problem: message });
    }
  }
}

/** The user of an item, or none: the key of an item that is no user is all that there is to say of it. */
export function userOf(item: Record<string, unknown>): User[] {
  try {
    return [readUser(item).user];
  } catch (error) {
    if (error instanceof InvalidUserError) return [];
    throw error;
  }
}

function withoutEmpty(map: object): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(map))
    if (value !== null && value !== '') kept[key] = isMap(value) ? withoutEmpty(value) : value;
  return kept;
}

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function without(value: unknown, [key, ...rest]: PropertyKey[]): Record<string, unknown> {
  const copy: Record<PropertyKey, unknown> = { ...(value as Record<PropertyKey, unknown>) };
  if (key === undefined) return copy;
  const child = copy[key];
  const isWithin = rest.length > 0 && typeof child === 'object' && child !== null && !Array.isArray(child);
  // A map that lacks what it has to have goes as a whole.
  if (isWithin && (rest.length > 1 || (rest[0] ?? '') in child)) {
    copy[key] = without(child, rest);
  } else {
    delete copy[key];
  }
  return copy;
}
