import { z } from 'zod';

/** A property of a template that changes nothing on one machine, for the reason given. It may have any value. */
export function ignored(reason: string) {
  return z.unknown().optional().describe(reason);
}
