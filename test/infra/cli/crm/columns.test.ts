import { describe, expect, it } from 'vitest';
import {
  columnsOf,
  customFieldNames,
  readable,
  selectColumns,
  valueAt,
} from '../../../../infra/cli/crm/columns.ts';
import { inZone } from '../../../../infra/cli/crm/zone.ts';
import { contacts } from '../../../../shared/infusionsoft/resources/contacts.ts';
import { RESOURCES } from '../../../../shared/infusionsoft/resources/index.ts';
import { orders } from '../../../../shared/infusionsoft/resources/orders.ts';

const namesOf = (columns: readonly { name: string }[]) => columns.map(({ name }) => name);
const all = columnsOf(contacts.schema(), ['Favourite Workout', 'Level (9)']);

describe('the columns of a resource', () => {
  it('are its properties, those of its objects, those of each place of a list, and custom fields by name', () => {
    expect(namesOf(all)).toEqual(
      expect.arrayContaining([
        'id',
        'company.company_name',
        'email_addresses.EMAIL2.email',
        'addresses.BILLING.postal_code',
        'tag_ids',
        'Favourite Workout',
      ]),
    );
    expect(namesOf(all)).not.toContain('email_addresses.EMAIL2.field');
    expect(namesOf(all)).not.toContain('custom_fields');
    expect(namesOf(columnsOf(orders.schema()))).toContain('order_items');
  });

  it('have a different name each, and include the usual ones, for every resource', () => {
    const everything = RESOURCES.flatMap((resource) => [resource, ...Object.values(resource.nested ?? {})]);
    for (const resource of everything) {
      const names = namesOf(columnsOf(resource.schema()));
      expect(new Set(names).size, resource.name).toBe(names.length);
      expect(names, resource.name).toEqual(expect.arrayContaining([...resource.columns]));
    }
  });

  it('find their values in an item, whatever is missing or null', () => {
    const item = {
      id: 7,
      company: null,
      email_addresses: [{ field: 'EMAIL2', email: 'ann@example.com' }],
      custom_fields: { 'Favourite Workout': 'yoga' },
    };
    const filled = all.flatMap((column) => {
      const value = valueAt(item, column);
      return value === undefined ? [] : [[column.name, value]];
    });
    expect(filled).toEqual([
      ['Favourite Workout', 'yoga'],
      ['email_addresses.EMAIL2.email', 'ann@example.com'],
      ['id', 7],
    ]);
    for (const column of all) expect(valueAt(null, column)).toBeUndefined();
  });
});

describe('a choice of columns', () => {
  it('is in the order that is asked for; an object stands for its properties; case does not matter', () => {
    expect(namesOf(selectColumns(all, ['favourite workout', 'ID', 'company']))).toEqual([
      'Favourite Workout',
      'id',
      'company.company_name',
      'company.id',
    ]);
    expect(namesOf(selectColumns(all, ['custom_fields']))).toEqual(['Favourite Workout', 'Level (9)']);
  });

  it('suggests near names for one that does not exist', () => {
    expect(() => selectColumns(all, ['famly_name'])).toThrow('Did you mean family_name');
  });
});

describe('custom fields', () => {
  it('get their id as well where a label is not unique', () => {
    const customFields = [
      { id: 7, label: 'Level' },
      { id: 8, label: 'Level' },
      { id: 9, label: 'website' },
      { id: 10, label: 'Goal' },
    ];
    expect([...customFieldNames({ customFields }, ['id', 'website']).values()]).toEqual([
      'Level (7)',
      'Level (8)',
      'website (9)',
      'Goal',
    ]);
  });
});

describe('a readable item', () => {
  const item = {
    id: 7,
    birthday: '1990-05-01T00:00:00.000+0000',
    last_updated: '2026-11-29T23:30:00.000+0000',
    origin: { date: '2026-01-01T12:00:00Z', ip_address: null },
    given_name: '2026-01-01T12:00:00Z',
    custom_fields: [
      { id: 7, content: 'yoga' },
      { id: 99, content: null },
    ],
    invented: { deep: '2026-01-01T12:00:00Z' },
  };

  it('has custom fields by name; without a known name, by id', () => {
    expect(readable(item, contacts.schema(), new Map([[7, 'Workout']]), undefined)).toEqual({
      ...item,
      custom_fields: { Workout: 'yoga', 99: null },
    });
  });

  it('has its moments in a zone; days and texts stay', () => {
    expect(readable(item, contacts.schema(), new Map(), inZone('Asia/Tokyo'))).toMatchObject({
      birthday: item.birthday,
      last_updated: '2026-11-30T08:30:00+09:00',
      origin: { date: '2026-01-01T21:00:00+09:00', ip_address: null },
      given_name: item.given_name,
      invented: item.invented,
    });
  });
});
