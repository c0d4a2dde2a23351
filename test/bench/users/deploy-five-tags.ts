import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = 'shared/user/mapping.under-bench.ts';
const path = fileURLToPath(new URL(`../../${FILE}`, import.meta.url));
const SOURCE = "export { mapping } from './five-tags.ts';\n";

/**
 * Runs work while the mapping of five tags is where the stack's setting `mapping` takes one from, under `shared/user`. The file is gone
 * afterwards, also when the process ends before.
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
