import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import type { ResourceReader } from '../../../shared/infusionsoft/resources/reader.ts';
import { createCommand } from '../create-command.ts';
import { UsageError } from '../support/command-error.ts';
import { connect } from '../support/connect.ts';
import { DEFAULT_RATE, operatorCrm } from '../support/crm-reader.ts';
import { integer, timestamp } from '../support/option-parsers.ts';
import { OutputClosedError, outputTo } from '../support/write-out.ts';
import { readableFailure, reportMismatches } from './failures.ts';
import { parseFilters } from './filters.ts';
import { expansionsOf, findResource, listOf } from './find-resource.ts';
import { FORMATS, formatter } from './formats.ts';
import { progressText, statusLine } from './progress.ts';
import { planRead } from './read-plan.ts';
import { inZone, timeZone } from './zone.ts';

export default createCommand({
  metadata: {
    description:
      'Lists the items of a resource, page by page. Takes a small rate from the sync, and stops when only the quota that is reserved for live changes is left. Changes nothing.',
    examples: [
      ['crm list contacts --limit 20', 'the first ones, as a table'],
      ['crm list contacts --format csv > contacts.csv', 'all of them with their custom fields'],
      [
        'crm list orders --since 2026-01-01 --filter paid=true --expand payments --format ndjson',
        'paid orders',
      ],
      ['crm list tags/5/contacts --fields contact.email', 'the contacts that have tag 5'],
    ],
  },
  target: 'system',
  arguments: [{ name: '<resource>', description: 'a name that "crm resources" lists, or NAME/ID/NESTED' }],
  options: {
    since: {
      value: 'date',
      description: 'from this time on, by the date that "crm resources" shows',
      parse: timestamp,
    },
    until: { value: 'date', description: 'up to this time', parse: timestamp },
    filter: { value: 'name=value', description: 'only matching items (repeatable)', repeatable: true },
    fields: { value: 'names', description: 'columns, separated by commas; custom fields by their label' },
    expand: {
      value: 'names',
      description: 'nested resources to read for each item: one request or more each',
    },
    limit: { value: 'n', description: 'most items to list', parse: integer(1) },
    format: { value: 'format', description: 'output format (default: table)', choices: FORMATS },
    zone: {
      value: 'zone',
      description: 'show times in this time zone, such as Europe/Berlin',
      parse: timeZone,
    },
    rate: {
      value: 'n',
      description: `requests a second to take from the sync, at most half of the limit (default: ${DEFAULT_RATE})`,
      parse: integer(1),
    },
  },
  async handler({ options, args: [name = ''] }) {
    const { resource, of } = findResource(name);
    const { list } = resource;
    if (!list) throw new UsageError(`${name} cannot be listed. Read it: crm get ${name}.`);
    const { since, until, limit, rate } = options;
    if (!list.dates && (since !== undefined || until !== undefined))
      throw new UsageError(`${name} cannot be listed by date: --since and --until do not apply.`);
    if (since !== undefined && until !== undefined && since > until)
      throw new UsageError('--since is later than --until.');
    if (options.json && options.format !== undefined)
      throw new UsageError('--json and --format cannot be used together.');
    const filters = parseFilters(options.filter, list);
    const expansions = expansionsOf(resource, options.expand);
    const format = options.json ? 'json' : (options.format ?? 'table');
    const mismatches = new Set<string>();
    const outputs = await connect(options);
    const crm = operatorCrm(outputs, new DynamoDBClient(), {
      rate,
      stopsAtReserve: true,
      onMismatch: (where) => mismatches.add(where),
    });
    const write = outputTo(process.stdout);
    const status = statusLine(process.stderr);
    let rows = 0;
    try {
      await crm.use(async (_, reader) => {
        const shown = {
          fields: listOf(options.fields),
          format,
          expansions: expansions.map(([each]) => each),
          zone: options.zone === undefined ? undefined : inZone(options.zone),
        } as const;
        const schema = resource.schema();
        const plan = await planRead(reader, resource, schema, list.optional === true, shown);
        const output = formatter(format, plan.columns);
        const begunAt = performance.now();
        const asked = {
          ...(of !== undefined && { of }),
          since,
          until,
          limit,
          filters,
          properties: plan.properties,
        };
        for await (const page of reader.pages(resource, asked)) {
          const total = page.count === undefined ? undefined : Math.min(page.count, limit ?? page.count);
          const report = () =>
            status.show(
              progressText({ rows, total, requests: crm.requests(), elapsedMs: performance.now() - begunAt }),
            );
          for (const part of partsOf(page.rows, expansions.length > 0 ? 1 : page.rows.length)) {
            const items: unknown[] = [];
            for (const item of part) items.push(plan.show(await expand(reader, resource, item, expansions)));
            status.clear();
            await write(output.rows(items));
            rows += items.length;
            report();
          }
        }
        status.clear();
        await write(output.end());
      });
    } catch (error) {
      status.clear();
      if (error instanceof OutputClosedError) return;
      throw readableFailure(error, { what: name, rows, command: outputs.command });
    }
    reportMismatches(mismatches);
  },
});

const partsOf = <Item>(items: readonly Item[], size: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / Math.max(1, size)) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

/** Adds the items of nested resources to an item. */
export async function expand(
  reader: ResourceReader,
  { key }: Resource,
  item: object,
  expansions: readonly (readonly [name: string, nested: Resource])[],
): Promise<object> {
  const id = (item as Record<string, unknown>)[key ?? ''];
  if (expansions.length === 0 || (typeof id !== 'number' && typeof id !== 'string')) return item;
  const nested: Record<string, unknown[]> = {};
  for (const [name, resource] of expansions) {
    nested[name] = [];
    for await (const each of reader.list(resource, { of: id })) nested[name].push(each);
  }
  return { ...item, ...nested };
}
