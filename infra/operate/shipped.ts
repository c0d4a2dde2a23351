/** `npm run shipped`: the packages in the bundles of the functions, their licences, and known advisories against them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { synthesize } from '../synthesize.ts';
import { CommandError } from './command-error.ts';
import { runCommand } from './run-command.ts';
import { advisoriesAgainst } from './shipped/advisories.ts';
import { refusedLicences } from './shipped/licences.ts';
import { npmAudit } from './shipped/npm-audit.ts';
import { shippedPackages } from './shipped/shipped-packages.ts';
import { textTable } from './text-table.ts';

new Command('npm run shipped --')
  .description(
    'Shows which packages are in the bundles of the functions, and under which licences. Fails on a licence that is not allowed, and on a known advisory.',
  )
  .parse();

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

await runCommand(async () => {
  const outdir = mkdtempSync(join(tmpdir(), 'shipped-'));
  try {
    synthesize({}, { outdir });
    const packages = shippedPackages(outdir, ROOT);
    process.stdout.write(
      textTable(
        ['package', 'version', 'licence', 'in'],
        packages.map(({ name, version, licence, shippedIn }) => [
          name,
          version,
          licence ?? '–',
          shippedIn.join(', '),
        ]),
      ),
    );
    const advisories = advisoriesAgainst(packages, await npmAudit(ROOT));
    if (advisories === undefined)
      process.stderr.write('Advisories were not checked: the registry does not answer npm audit.\n');
    else if (advisories.length === 0) process.stdout.write('No advisory is known against them.\n');
    const problems = [
      ...refusedLicences(packages),
      ...(advisories ?? []).map(
        ({ package: of, severity, title, url }) =>
          `${of} (${severity}): ${title}, see ${url}. npm update ${of.split(' ')[0]}`,
      ),
    ];
    if (problems.length > 0) throw new CommandError(problems.join('\n✗ '));
  } finally {
    rmSync(outdir, { recursive: true });
  }
});
