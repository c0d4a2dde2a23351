import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = 'shared/user/mapping.under-bench.ts';
const path = fileURLToPath(new URL(`../../../${FILE}`, import.meta.url));
const SOURCE = "export { mapping } from '../../test/bench/users/five-tags.ts';\n";

/**
 * Runs work while `shared/user` has a file with the mapping of five tags, because the stack's setting `mapping` accepts files of that
 * folder only. The file is deleted afterwards, also when the process exits early.
 *
 * @param work gets the value for the setting `mapping`.
 */
export async function withFiveTags<Result>(work: (mappingFile: string) => Promise<Result>): Promise<Result> {
  const remove = () => rmSync(path, { force: true });
  process.once('exit', remove);
  writeFileSync(path, SOURCE);
  try {
    return await work(FILE);
  } finally {
    remove();
    process.removeListener('exit', remove);
  }
}
