/** `npm run catalog`: what the sync knows of the CRM's account. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Command } from 'commander';
import { keepsArrays, knowsArrays } from '../../shared/infusionsoft/catalog.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { CommandError } from './command-error.ts';
import { connect } from './connect.ts';
import { runCommand } from './run-command.ts';
import { type TargetOptions, withTarget } from './target-options.ts';

const options = withTarget(
  new Command('npm run catalog --').description(
    "Shows what the sync knows of the CRM's account: tags, custom fields, and what updates do with arrays.",
  ),
)
  .parse()
  .opts<TargetOptions>();

await runCommand(async () => {
  const outputs = await connect(options);
  const catalog = await syncTable(new DynamoDBClient(), outputs.get('SyncTableName')).readCatalog();
  if (!catalog)
    throw new CommandError(
      `The account has not been read yet: the first change of a user does it, or ${outputs.get('RefreshCatalogCommand')}`,
    );
  if (options.json) {
    process.stdout.write(`${JSON.stringify(catalog)}\n`);
    return;
  }
  const now = Date.now();
  const arrays = keepsArrays(catalog, now)
    ? 'items that an update does not list stay: one request for each update'
    : `${knowsArrays(catalog, now) && catalog.arrays?.mode === 'replace' ? 'items that an update does not list go' : 'not known'}: contacts are read first, and whole arrays are sent`;
  const ids = (names: Readonly<Record<string, number>>) =>
    Object.entries(names)
      .map(([name, id]) => `  ${String(id).padStart(8)}  ${name}\n`)
      .join('');
  process.stdout.write(
    `Tags\n${ids(catalog.tags)}Custom fields\n${ids(catalog.customFields)}Arrays\n  ${arrays}\nRead ${catalog.refreshedAt}\n`,
  );
});
