import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const FILE = fileURLToPath(new URL('../../.local/cloud.json', import.meta.url));

/** Tells other processes of this cloud, until the function that comes back is called or this process ends. */
export function publishConnection(connection: Connection): () => void {
  mkdirSync(new URL('../local', `file://${FILE}`), { recursive: true });
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
