import { type Account, missingFrom, problemsOf } from '../../shared/infusionsoft/catalog/account.ts';
import { type Catalog, isArrayModeKnown, mergesArrays } from '../../shared/infusionsoft/catalog/catalog.ts';
import { textTable } from './text-table.ts';

/** What the account has, as a person reads it. @param now epoch milliseconds. */
export function catalogReport(account: Account, catalog: Catalog | undefined, now: number): string {
  const { tags, customFields, leadSources, contactTypes, staff } = account;
  const parts = [
    `Tags\n${textTable(
      ['id', 'contacts', 'name', 'category', 'rule'],
      tags.map(({ id, contacts, name, category = '', description }) => [
        idText(id),
        contacts?.toLocaleString('en') ?? '',
        name,
        category,
        description,
      ]),
      [0, 1],
    )}`,
    `Custom fields\n${textTable(
      ['id', 'name', 'type', 'options'],
      customFields.map(({ id, name, type, options }) => [idText(id), name, type, options.join(', ')]),
      [0],
    )}`,
    leadSources.length > 0 &&
      `Lead sources\n${textTable(
        ['id', 'name'],
        leadSources.map(({ id, name }) => [idText(id), name]),
        [0],
      )}`,
    contactTypes.length > 0 &&
      `Contact types\n${textTable(
        ['name'],
        contactTypes.map(({ name }) => [name]),
      )}`,
    staff && `Staff: ${Object.keys(staff).length}, of whom contacts can have an owner\n`,
    `Array items that an update does not list: ${arraysOf(catalog, now)}\n`,
    list('Missing: npm run catalog -- --create makes them, and so does the first sync', missingFrom(account)),
    list('Does not fit: mend it before users are synced', problemsOf(account)),
  ];
  return parts.filter((part) => typeof part === 'string').join('\n');
}

const idText = (id: number | undefined): string => (id === undefined ? '–' : String(id));

function list(title: string, items: readonly string[]): string | undefined {
  return items.length > 0 ? `${title}\n${items.map((item) => `  ✗ ${item}\n`).join('')}` : undefined;
}

function arraysOf(catalog: Catalog | undefined, now: number): string {
  if (!catalog || !isArrayModeKnown(catalog, now)) return 'not known yet; the first sync learns it';
  if (mergesArrays(catalog, now)) return 'stay, so that an update costs one request';
  return `${catalog.arrays?.mode === 'replace' ? 'go' : 'may go'}, so contacts are read first and whole arrays are sent`;
}
