import { once } from 'node:events';

/** Standard output was closed by its reader, such as `head`. */
export class OutputClosedError extends Error {
  override name = 'OutputClosedError';
}

/**
 * Writes to a stream, and waits while it is full, so that no more than a page is in memory.
 *
 * @throws OutputClosedError when nobody reads it any more.
 */
export function outputTo(stream: NodeJS.WritableStream): (text: string) => Promise<void> {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  return async (text) => {
    if (!failure && !stream.write(text)) await once(stream, 'drain').catch(() => undefined);
    if (!failure) return;
    throw 'code' in failure && failure.code === 'EPIPE' ? new OutputClosedError('Output closed') : failure;
  };
}
