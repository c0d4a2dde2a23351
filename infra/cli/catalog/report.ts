import { type Account, missingFrom, problemsOf } from '../../../shared/infusionsoft/catalog/account.ts';
import {
  areArrayModesKnown,
  type Catalog,
  mergesArrays,
} from '../../../shared/infusionsoft/catalog/catalog.ts';
import { textTable } from '../support/text-table.ts';

/**
 * Formats the tags, fields and choices of the account for a terminal.
 *
 * @param refusals lines about values that the CRM has refused.
 * @param now epoch milliseconds.
 */
export function catalogReport(
  account: Account,
  catalog: Catalog | undefined,
  refusals: readonly string[],
  now: number,
): string {
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
    staff && `Staff: ${Object.keys(staff).length} possible owners of contacts\n`,
    `Array items that a request does not list\n${textTable(
      ['request', 'items'],
      [
        ['PUT /contacts (creates or updates)', unlistedItemsText(catalog, 'put', now)],
        ['PATCH /contacts/{id}', unlistedItemsText(catalog, 'patch', now)],
      ],
    )}`,
    list(
      'Missing: created by npx --no user-sync catalog --create, or by the first sync',
      missingFrom(account),
    ),
    list('Does not fit: fix the mapping or the account before users are synced', problemsOf(account)),
    list('Refused values: their users are in sync without the field', refusals),
  ];
  return parts.filter((part) => typeof part === 'string').join('\n');
}

const idText = (id: number | undefined): string => (id === undefined ? '–' : String(id));

function list(title: string, items: readonly string[]): string | undefined {
  return items.length > 0 ? `${title}\n${items.map((item) => `  ✗ ${item}\n`).join('')}` : undefined;
}

function unlistedItemsText(catalog: Catalog | undefined, update: 'put' | 'patch', now: number): string {
  if (!catalog || !areArrayModesKnown(catalog, now)) return 'unknown until the first sync';
  if (mergesArrays(catalog, update, now)) return 'kept, so it takes one request';
  return `${catalog.arrays?.modes ? 'removed' : 'may be removed'}, so the contact is read first and whole arrays are sent`;
}
