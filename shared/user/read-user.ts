import { type User, userSchema } from './user.ts';
import '../zod-messages.ts';

/** A problem with a value of a user. Never contains the value. */
export interface Warning {
  /** Path of the attribute or name of the field, for example `progress.week`. */
  field: string;
  problem: string;
  /** Identifies problems that are counted. */
  reason?: 'unknown-staff' | 'refused-value';
}

/** The item has no valid `userId`, so it is not a user. */
export class InvalidUserError extends Error {
  override name = 'InvalidUserError';
}

/**
 * Reads an item of the user table. Null and empty texts count as missing. So does an invalid attribute, with a warning: the rest of the
 * user is still synced.
 *
 * @throws InvalidUserError if the item has no `userId`.
 */
export function readUser(item: Record<string, unknown>): { user: User; warnings: Warning[] } {
  const warnings: Warning[] = [];
  let candidate = withoutEmpty(item);
  for (;;) {
    const result = userSchema.safeParse(candidate);
    if (result.success) return { user: result.data, warnings };
    const removed = new Set<string>();
    for (const { path, message } of result.error.issues) {
      if (path.length === 0 || path[0] === 'userId') throw new InvalidUserError(`userId: ${message}`);
      const field = path.join('.');
      warnings.push({ field, problem: message });
      // One value can break several rules. It is removed once: a second time its map would go too.
      if (!removed.has(field)) candidate = without(candidate, path);
      removed.add(field);
    }
  }
}

/** The user of an item as a list, which is empty if the item is not a user. */
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
  // A map without a required attribute is removed as a whole.
  if (isWithin && (rest.length > 1 || (rest[0] ?? '') in child)) {
    copy[key] = without(child, rest);
  } else {
    delete copy[key];
  }
  return copy;
}
