import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createCommand } from '../create-command.ts';
import { UsageError } from '../support/command-error.ts';
import { connect } from '../support/connect.ts';
import { operatorCrm } from '../support/crm-reader.ts';
import { textTable } from '../support/text-table.ts';
import { valueAt } from './columns.ts';
import { readableFailure, reportMismatches } from './failures.ts';
import { expansionsOf, findResource, listOf } from './find-resource.ts';
import { cellText } from './formats.ts';
import { expand } from './list.ts';
import { planRead } from './read-plan.ts';
import { inZone, timeZone } from './zone.ts';

export default createCommand({
  metadata: {
    description: 'Reads one item of a resource with everything that the CRM has about it. Changes nothing.',
    examples: [
      ['crm get contacts 17 --expand tags', 'a contact and its tags'],
      ['crm get products/12/subscriptions 3', 'a nested item'],
      ['crm get settings --json', 'a resource that has only one item'],
    ],
  },
  target: 'system',
  arguments: [
    { name: '<resource>', description: 'a name that "crm resources" lists, or NAME/ID/NESTED' },
    { name: '[id]', description: 'id of the item' },
  ],
  options: {
    fields: { value: 'names', description: 'properties, separated by commas; custom fields by their label' },
    expand: { value: 'names', description: 'nested resources to read as well' },
    zone: {
      value: 'zone',
      description: 'show times in this time zone, such as Europe/Berlin',
      parse: timeZone,
    },
  },
  async handler({ options, args: [name = '', id], print }) {
    const { resource, of } = findResource(name);
    const { get } = resource;
    if (!get)
      throw new UsageError(`The items of ${name} cannot be read one by one. List them: crm list ${name}.`);
    const ids = [of, id].filter((each) => each !== undefined);
    const wanted = get.path.match(/\{\w+\}/g)?.length ?? 0;
    if (ids.length !== wanted)
      throw new UsageError(
        wanted === 0 ? `${name} takes no id: crm get ${name}.` : `Name the id: crm get ${name} ID.`,
      );
    const expansions = expansionsOf(resource, options.expand);
    const outputs = await connect(options);
    const mismatches = new Set<string>();
    const crm = operatorCrm(outputs, new DynamoDBClient(), { onMismatch: (where) => mismatches.add(where) });
    const fields = listOf(options.fields);
    try {
      await crm.use(async (_, reader) => {
        const zone = options.zone === undefined ? undefined : inZone(options.zone);
        const shown = { fields, format: 'csv', expansions: expansions.map(([each]) => each), zone } as const;
        const schema = resource.getSchema();
        const plan = await planRead(reader, resource, schema, get.optional === true, shown);
        const found = await reader.get(resource, ids, { properties: plan.properties });
        const item = plan.show(await expand(reader, resource, found, expansions));
        const columns = plan.columns ?? [];
        const values = Object.fromEntries(
          columns.map((column) => [column.name, valueAt(item, column) ?? null]),
        );
        print(fields.length > 0 ? values : item, () => {
          const filled = Object.entries(values).filter(([, value]) => value !== null && value !== '');
          return textTable(
            ['', ''],
            filled.map(([each, value]) => [each, cellText(value)]),
          ).replace(/^\s*\n/, '');
        });
      });
    } catch (error) {
      const what = id === undefined ? name : `${name}/${id}`;
      throw readableFailure(error, { what, command: outputs.command });
    }
    reportMismatches(mismatches);
  },
});
