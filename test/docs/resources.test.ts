import { describe, expect, it } from 'vitest';
import type { Resource } from '../../shared/infusionsoft/resources/define-resource.ts';
import { RESOURCES } from '../../shared/infusionsoft/resources/index.ts';

/** What COZYROC's connector for this API reads and writes, and the resources that have it here. */
const COZYROC: Readonly<Record<string, readonly string[]>> = {
  'account profile': ['account-profile'],
  affiliates: ['affiliates', 'affiliates/ID/clawbacks', 'affiliates/ID/payments'],
  'affiliate commissions': ['affiliate-commissions'],
  'affiliate programs': ['affiliate-programs'],
  'affiliate redirect links': ['affiliate-redirect-links'],
  'affiliate summaries': ['affiliate-summaries'],
  appointments: ['appointments'],
  'campaigns (enrol, remove)': ['campaigns'],
  companies: ['companies'],
  contacts: ['contacts', 'contacts/ID/tags', 'contacts/ID/emails', 'contacts/ID/credit-cards'],
  emails: ['emails'],
  files: ['files'],
  hooks: ['hooks', 'hook-event-keys'],
  locales: ['countries', 'countries/ID/provinces'],
  merchants: ['merchants'],
  notes: ['notes'],
  opportunities: ['opportunities'],
  'opportunity stages': ['opportunity-stages'],
  'orders (items)': ['orders', 'orders/ID/payments', 'orders/ID/transactions'],
  products: ['products', 'products/ID/subscriptions'],
  settings: ['settings', 'contact-types', 'application-enabled'],
  subscriptions: ['subscriptions'],
  tags: ['tags', 'tags/ID/contacts', 'tags/ID/companies'],
  tasks: ['tasks'],
  transactions: ['transactions'],
  users: ['users'],
  'user info': ['user-info'],
  '–': ['email-addresses', 'lead-sources'],
};

/** Why a resource has no read. */
const NOT_READ: Readonly<Record<string, string>> = {
  'email-addresses': 'version 1 only writes it; a contact shows the status of its addresses',
};

const named = RESOURCES.flatMap((resource) => [
  { name: resource.name, resource },
  ...Object.entries(resource.nested ?? {}).map(([name, nested]) => ({
    name: `${resource.name}/ID/${name}`,
    resource: nested,
  })),
]);
const resourceOf = (name: string): Resource | undefined => named.find((each) => each.name === name)?.resource;

const readsOf = ({ list, get }: Resource): string[] => [
  ...(list ? ['`list`'] : []),
  ...(get ? ['`get`'] : []),
];
const datesOf = ({ list }: Resource): string => (list?.dates ? `\`${list.dates.of}\`` : '');
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function rowOf(theirs: string, name: string): string {
  const resource = resourceOf(name);
  if (!resource) throw new Error(`There is no resource ${name}`);
  const reads = readsOf(resource).join(', ') || `– (${NOT_READ[name]})`;
  const filters = code(Object.keys(resource.list?.filters ?? {}));
  return `| ${theirs} | \`${name}\` | ${reads} | ${datesOf(resource)} | ${filters} | ${code(Object.keys(resource.writes ?? {}))} |`;
}

describe('docs/resources.md', () => {
  it('has every resource once', () => {
    const listed = Object.values(COZYROC).flat();
    expect(listed.toSorted()).toEqual(named.map(({ name }) => name).toSorted());
  });

  it('has a read for every resource, or a reason', () => {
    const without = named.filter(({ resource }) => readsOf(resource).length === 0);
    expect(without.map(({ name }) => name)).toEqual(Object.keys(NOT_READ));
  });

  it('is written by npm run docs', async () => {
    const rows = Object.entries(COZYROC).flatMap(([theirs, names]) =>
      names.map((name, index) => rowOf(index === 0 ? theirs : '', name)),
    );
    const page = [
      '# Resources',
      '',
      'Written by `npm run docs` from the declarations in [shared/infusionsoft/resources](../shared/infusionsoft/resources). The first',
      "column is what COZYROC's connector for the same API has. *By date*: the property that `--since` and `--until` compare. *Declared",
      'writes* have their method and path in the declaration, and are not executed yet, apart from those of the sync.',
      '`npm run check:resources -- FILE` compares all of it with a document of the vendor ([crm.md](crm.md)).',
      '',
      '| COZYROC | here | reads | by date | filters | declared writes |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
    await expect(page).toMatchFileSnapshot('../../docs/resources.md');
  });
});
