/** `npm run check:resources -- FILE`: compares the declared resources with a document of the vendor. */
import { RESOURCES } from '../../../shared/infusionsoft/resources/index.ts';
import { DocumentError } from '../document.ts';
import { differences } from './compare.ts';
import { readContractFile } from './document.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { readGenerated } from './generated-answers.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write(
    "✗ Name the vendor's document of version 1 (OpenAPI 3.0): npm run check:resources -- FILE\n",
  );
  process.exit(2);
}
const contract = (() => {
  try {
    return readContractFile(file);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    process.stderr.write(`✗ ${error.message}\n`);
    process.exit(1);
  }
})();
const found = differences(RESOURCES, contract, EXCEPTIONS);
const { reads, variants, problems } = await readGenerated(RESOURCES, contract);
for (const problem of [...found, ...problems]) process.stdout.write(`✗ ${problem}\n`);
process.stdout.write(
  `${contract.routes.size} routes compared, ${found.length} differences\n` +
    `${reads} reads of generated answers and ${variants} with a property missing or null, ${problems.length} problems\n`,
);
process.exitCode = found.length + problems.length > 0 ? 1 : 0;
