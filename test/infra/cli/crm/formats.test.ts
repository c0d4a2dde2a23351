import { describe, expect, it } from 'vitest';
import type { Column } from '../../../../infra/cli/crm/columns.ts';
import { csvCell, FORMATS, formatter } from '../../../../infra/cli/crm/formats.ts';
import { progressText } from '../../../../infra/cli/crm/progress.ts';
import { suggest } from '../../../../infra/cli/crm/suggest.ts';
import { inZone, timeZone } from '../../../../infra/cli/crm/zone.ts';

const COLUMNS: Column[] = ['id', 'name', 'list'].map((name) => ({ name, path: [name] }));
const PAGES = [[{ id: 1, name: 'Ann', list: [1, 2], more: true }], [{ id: 2, name: null }, { id: 3 }]];

const printed = (format: (typeof FORMATS)[number], pages: object[][], columns: Column[] | undefined) => {
  const output = formatter(format, columns);
  return pages.map((page) => output.rows(page)).join('') + output.end();
};

describe('a format', () => {
  it('prints whole items, or the columns that are asked for, as JSON', () => {
    expect(JSON.parse(printed('json', PAGES, undefined))).toEqual(PAGES.flat());
    expect(JSON.parse(printed('json', PAGES, COLUMNS))[1]).toEqual({ id: 2, name: null, list: null });
    expect(
      printed('ndjson', PAGES, undefined)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(PAGES.flat());
  });

  it('prints CSV with a header, once', () => {
    expect(printed('csv', PAGES, COLUMNS)).toBe('id,name,list\n1,Ann,"[1,2]"\n2,,\n3,,\n');
    const odd = [[{ id: 1, name: 'a "b", c\nd' }]];
    expect(printed('csv', odd, COLUMNS)).toBe('id,name,list\n1,"a ""b"", c\nd",\n');
  });

  it('prints a table whose columns are as wide as the first page', () => {
    expect(printed('table', PAGES, COLUMNS)).toBe('id  name  list\n1   Ann   [1,2]\n2\n3\n');
    const long = [[{ id: 1, name: 'x'.repeat(50), list: 'a\u001b[31mb\nc' }]];
    expect(printed('table', long, COLUMNS).split('\n')[1]).toBe(`1   ${'x'.repeat(39)}…  a [31mb c`);
  });

  it.each(FORMATS)('prints no items as %s', (format) => {
    expect(printed(format, [], COLUMNS)).toBe(
      { json: '[]\n', ndjson: '', csv: 'id,name,list\n', table: 'id  name  list\n' }[format],
    );
  });
});

describe('a cell of CSV', () => {
  it.each([
    ['=cmd|calc', "'=cmd|calc"],
    ['@sum(a1)', "'@sum(a1)"],
    ['+cmd', "'+cmd"],
    ['-2+cmd', "'-2+cmd"],
    ['\t=1', "'\t=1"],
    ['+49 (30) 123-45', '+49 (30) 123-45'],
    ['-', '-'],
    ['a=b', 'a=b'],
    [-5, '-5'],
    [true, 'true'],
    [null, ''],
    [undefined, ''],
    [{ a: 1 }, '{"a":1}'],
  ])('for %j is %j', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});

describe('a time zone', () => {
  it.each([
    ['Europe/Berlin', '2026-11-29T05:00:00.000+0000', '2026-11-29T06:00:00+01:00'],
    ['Europe/Berlin', '2026-07-29T05:00:00Z', '2026-07-29T07:00:00+02:00'],
    ['America/New_York', '2026-01-01T02:30:00+00:00', '2025-12-31T21:30:00-05:00'],
    ['UTC', '2026-01-01T02:30:00-03:00', '2026-01-01T05:30:00+00:00'],
    ['Asia/Kolkata', '2026-01-01T02:30Z', '2026-01-01T08:00:00+05:30'],
    ['Europe/Berlin', '2026-11-29', '2026-11-29'],
    ['Europe/Berlin', 'tomorrow', 'tomorrow'],
    ['Europe/Berlin', '2026-99-29T05:00:00Z', '2026-99-29T05:00:00Z'],
  ])('%s shows %s as %s', (zone, text, shown) => {
    expect(inZone(timeZone(zone))(text)).toBe(shown);
  });

  it('is refused if it does not exist', () => {
    expect(() => timeZone('Europe/Atlantis')).toThrow('such as Europe/Berlin');
  });
});

describe('progress', () => {
  it.each([
    [
      { rows: 2000, total: 10_000, requests: 4, elapsedMs: 2000 },
      '2,000 of 10,000 rows · 2.0 requests/s · 8 s left',
    ],
    [
      { rows: 100, total: 6000, requests: 100, elapsedMs: 100_000 },
      '100 of 6,000 rows · 1.0 requests/s · 1 h 39 min left',
    ],
    [{ rows: 5, total: undefined, requests: 1, elapsedMs: 0 }, '5 rows · 1000.0 requests/s'],
    // A count that is no total.
    [{ rows: 50, total: 10, requests: 5, elapsedMs: 5000 }, '50 rows · 1.0 requests/s'],
    [{ rows: 0, total: 10, requests: 1, elapsedMs: 500 }, '0 of 10 rows · 2.0 requests/s'],
  ])('of %j is shown as %s', (progress, text) => {
    expect(progressText(progress)).toBe(text);
  });
});

describe('a suggestion', () => {
  it.each([
    ['contatcs', ' Did you mean contacts?'],
    ['TAG', ' Did you mean tags, opportunity-stages?'],
    ['stage', ' Did you mean opportunity-stages, tags?'],
    ['xylophone', ''],
  ])('for %s is%s', (wanted, text) => {
    expect(suggest(wanted, ['contacts', 'tags', 'opportunity-stages'])).toBe(text);
  });
});
