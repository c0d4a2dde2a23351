import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** How another process finds a cloud that runs on this machine. */
const connectionSchema = z.object({
  /** Environment variables with which SDK clients find it. */
  environment: z.record(z.string(), z.string()),
  /** Outputs of its stack. */
  outputs: z.record(z.string(), z.string()),
  /** What its functions write; each line begins with the name of the function. */
  logFile: z.string(),
});
export type Connection = z.infer<typeof connectionSchema>;

/** USER_SYNC_CONNECTION_FILE separates systems that run on one machine at the same time, such as those of parallel tests. */
const FILE =
  process.env['USER_SYNC_CONNECTION_FILE'] ??
  fileURLToPath(new URL('../../.local/cloud.json', import.meta.url));

/** Tells other processes of this cloud, until the function that comes back is called or this process ends. */
export function publishConnection(connection: Connection): () => void {
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify(connection, undefined, 2));
  const remove = () => rmSync(FILE, { force: true });
  process.once('exit', remove);
  return () => {
    process.removeListener('exit', remove);
    remove();
  };
}

/** The cloud that runs on this machine, or undefined where none does. */
export function readConnection(): Connection | undefined {
  try {
    return connectionSchema.parse(JSON.parse(readFileSync(FILE, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
