import type { Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import { RESOURCES } from '../../../shared/infusionsoft/resources/index.ts';
import { createCommand } from '../create-command.ts';
import { textTable } from '../support/text-table.ts';

export default createCommand({
  metadata: {
    description: 'Lists the resources of the CRM that crm list and crm get can read, and their filters.',
    examples: [['crm resources', 'all of them']],
  },
  target: 'none',
  options: {},
  async handler({ print }) {
    const rows = RESOURCES.flatMap((resource) => [
      describe(resource, resource.name),
      ...Object.values(resource.nested ?? {}).map((nested) =>
        describe(nested, `${resource.name}/ID/${nested.name}`),
      ),
    ]).filter(({ reads }) => reads.length > 0);
    print(rows, () =>
      textTable(
        ['resource', 'reads', 'since/until', 'filters'],
        rows.map(({ name, reads, dates, filters }) => [
          name,
          reads.join(', '),
          dates ?? '',
          filters.join(', '),
        ]),
      ),
    );
  },
});

const describe = ({ list, get }: Resource, name: string) => ({
  name,
  reads: [list && 'list', get && 'get'].filter((read) => read !== undefined),
  dates: list?.dates?.of,
  filters: Object.keys(list?.filters ?? {}),
});
