import * as z from 'zod';

/** A line that a function wrote about a user. */
const logLineSchema = z.looseObject({
  timestamp: z.string(),
  service: z.string(),
  level: z.string(),
  message: z.string(),
  userId: z.string(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** @returns the line if it is JSON about this user; other programs' lines and other users' are none. */
export function readLogLine(text: string, userId: string): LogLine | undefined {
  try {
    const { data } = logLineSchema.safeParse(JSON.parse(text));
    return data?.userId === userId ? data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
