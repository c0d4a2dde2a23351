import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type LogLine, readLogLine } from './log-line.ts';

/** What the functions of a system on this machine wrote about a user. @param logFile each line begins with the name of the function. */
export async function localLines(logFile: string, userId: string): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const text of createInterface({ input: createReadStream(logFile) })) {
    const line = readLogLine(text.slice(text.indexOf('{')), userId);
    if (line) lines.push(line);
  }
  return lines;
}
