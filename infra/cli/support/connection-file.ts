import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** How another process connects to a cloud on this machine. */
const connectionSchema = z.object({
  /** Environment variables for SDK clients. */
  environment: z.record(z.string(), z.string()),
  /** Outputs of its stack. */
  outputs: z.record(z.string(), z.string()),
  /** Log of its functions; each line begins with the name of the function. */
  logFile: z.string(),
});
export type Connection = z.infer<typeof connectionSchema>;

/** A file stays behind when its process is killed, so it says which process that is. */
const fileSchema = z.object({ ...connectionSchema.shape, pid: z.number() });

/** USER_SYNC_CONNECTION_FILE separates systems that run on one machine at the same time, such as those of parallel tests. */
const connectionFile = (): string =>
  process.env['USER_SYNC_CONNECTION_FILE'] ??
  fileURLToPath(new URL('../../../.local/cloud.json', import.meta.url));

/**
 * Writes the connection file, so that other processes find this cloud.
 *
 * @returns a function that removes the file; it is also removed when this process exits.
 */
export function publishConnection(connection: Connection): () => void {
  const file = connectionFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...connection, pid: process.pid }, undefined, 2));
  const remove = () => rmSync(file, { force: true });
  process.once('exit', remove);
  return () => {
    process.removeListener('exit', remove);
    remove();
  };
}

/** Reads the connection file, or undefined when no cloud runs on this machine. */
export function readConnection(): Connection | undefined {
  try {
    const { pid, ...connection } = fileSchema.parse(JSON.parse(readFileSync(connectionFile(), 'utf8')));
    if (!isRunning(pid)) return undefined;
    return connection;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** Signal 0 is not sent: it only fails if the process does not exist, or belongs to another user. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    if (codeOf(error) === 'EPERM') return true;
    throw error;
  }
}
