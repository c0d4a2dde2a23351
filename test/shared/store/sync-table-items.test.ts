import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SYNC_TABLE_ITEMS } from '../../../shared/store/sync-table-items.ts';

const kinds = Object.values(SYNC_TABLE_ITEMS);
const ITEMS_FILE = 'shared/store/sync-table-items.ts';

/** The documented key as a pattern of real keys. */
const matches = (pattern: string, key: string): boolean =>
  new RegExp(`^${pattern.replace(/<.*>/, '.+')}$`).test(key);

describe('the keys of the sync table', () => {
  it.each(Object.entries(SYNC_TABLE_ITEMS))(
    '%s: follow the documented pattern, and no other one',
    (_, { key, pattern }) => {
      const example = (key as (name?: string | number) => string)('7');
      expect(kinds.filter((kind) => matches(kind.pattern, example)).map((kind) => kind.pattern)).toEqual([
        pattern,
      ]);
    },
  );

  it('contain no personal data, and do not depend on the case of an email or a company', () => {
    expect(SYNC_TABLE_ITEMS.emailClaim.key('Ann@Example.com')).toBe(
      SYNC_TABLE_ITEMS.emailClaim.key('ann@example.com'),
    );
    expect(SYNC_TABLE_ITEMS.company.key(' Acme ')).toBe(SYNC_TABLE_ITEMS.company.key('acme'));
    expect(SYNC_TABLE_ITEMS.emailClaim.key('ann@example.com')).not.toMatch(/ann|example/);
    expect(SYNC_TABLE_ITEMS.company.key('Acme')).not.toMatch(/acme/i);
  });

  it('are built in one file', () => {
    const prefixes = kinds.flatMap(({ pattern }) => pattern.match(/^[a-z-]+#/) ?? []);
    const sources = globSync('{shared,lambdas,infra}/**/*.ts').filter((file) => file !== ITEMS_FILE);
    expect(sources.length).toBeGreaterThan(100);
    const found = sources.filter((file) => {
      const text = readFileSync(file, 'utf8');
      return prefixes.some((prefix) => text.includes(prefix));
    });
    expect(found).toEqual([]);
  });
});

it('docs/sync-table.md shows the items of the sync table (npm run docs writes it)', async () => {
  const rows = kinds.map(({ pattern, contains, schema, writers, readers, removed }) => {
    const attributes = Object.keys(schema.shape).map((name) => `\`${name}\``);
    return `| \`${pattern}\` | ${[contains, attributes.join(', '), writers, readers, removed].join(' | ')} |`;
  });
  const page = [
    '# The sync table',
    '',
    `One item a row, by its partition key \`id\`. Written by \`npm run docs\` from \`${ITEMS_FILE}\`. Names in code font under "written by"`,
    'and "read by" are commands. No item has a TTL.',
    '',
    '| id | contains | attributes | written by | read by | removed |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../../docs/sync-table.md');
});
