import * as z from 'zod';
import { interruptibleSleep } from '../event-sources/event-source.ts';
import { StatesError } from './states-error.ts';

/** Longest timer of Node.js, in seconds. A longer one fires at once. */
export const LONGEST_TIMER_SECONDS = 2_147_483;

const parametersSchema = z.object({
  input: z.json(),
  seconds: z.int().min(0).max(99_999_999).optional(),
  timestamp: z.iso.datetime({ offset: true }).optional(),
});

/** Parameters of the task that replaces a `Wait` state, see {@link wait}. */
export function waitParameters(state: {
  Seconds?: unknown;
  SecondsPath?: unknown;
  Timestamp?: unknown;
  TimestampPath?: unknown;
}): Record<string, unknown> {
  const { Seconds, SecondsPath, Timestamp, TimestampPath } = state;
  return {
    'input.$': '$',
    ...(Seconds !== undefined && { seconds: Seconds }),
    ...(SecondsPath !== undefined && { 'seconds.$': SecondsPath }),
    ...(Timestamp !== undefined && { timestamp: Timestamp }),
    ...(TimestampPath !== undefined && { 'timestamp.$': TimestampPath }),
  };
}

/**
 * Runs a `Wait` state: waits for the scaled duration and returns the input.
 *
 * @throws StatesError `States.Runtime` when the duration is not a whole number of seconds or a timestamp.
 */
export async function wait(parameters: unknown, scale: number, signal: AbortSignal): Promise<Json> {
  const { success, data, error } = parametersSchema.safeParse(parameters);
  if (!success) throw new StatesError('States.Runtime', z.prettifyError(error));
  const { input, seconds, timestamp } = data;
  const untilThen = timestamp === undefined ? 0 : (Date.parse(timestamp) - Date.now()) / 1000;
  const duration = Math.max(0, seconds ?? untilThen) * scale;
  await interruptibleSleep(Math.min(duration, LONGEST_TIMER_SECONDS) * 1000, signal);
  return input;
}

/** Input and output of states. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
