import fc from 'fast-check';
import { HTTPError } from 'ky';
import { describe, expect, it } from 'vitest';
import {
  type WriteAcceptedDependencies,
  type WriteRequest,
  writeAccepted,
} from '../../../shared/contacts/write-accepted.ts';
import { toFailure } from '../../../shared/infusionsoft/http/failures.ts';
import { RejectedError } from '../../../shared/sync/errors.ts';
import type { FieldPlan } from '../../../shared/sync/plan.ts';
import type { CustomField } from '../../../shared/user/custom-field.ts';

const CONTACT = 7;
const EMAIL = 'ann@example.com';
const customFields: Record<string, CustomField> = {
  'App User Id': { type: 'Text', value: () => undefined },
  Program: { type: 'Text', value: () => undefined },
  'Program Week': { type: 'WholeNumber', value: () => undefined },
};
const catalog = {
  tags: {},
  customFields: { 'app user id': 11, program: 12, 'program week': 13 },
  unusable: [],
  problems: [],
  refreshedAt: '2026-06-15T12:00:00.000Z',
  arrays: { modes: { put: 'merge', patch: 'merge' } as const, learnedAt: '2026-06-15T12:00:00.000Z' },
};
const NOW = Date.parse('2026-06-15T13:00:00Z');

const REQUIRED = { EMAIL1: EMAIL, 'custom_fields.App User Id': 'ann' };
const OPTIONAL = {
  given_name: 'Ann',
  family_name: 'Lee',
  PHONE1: '+12125550123',
  EMAIL2: 'second@example.com',
  time_zone: 'Pacific/Auckland',
  preferred_locale: 'en_US',
  website: 'https://example.com/',
  BILLING: '{"line1":"1 Main St","region":"US-NY","country_code":"USA"}',
  LinkedIn: 'ann-lee',
  'custom_fields.Program': 'Strength',
  'custom_fields.Program Week': '3',
};
type Field = keyof typeof OPTIONAL;
const FIELDS = Object.keys(OPTIONAL) as Field[];
const WHOLE = { write: { ...REQUIRED, ...OPTIONAL }, clear: [] } as unknown as FieldPlan;

/** The fields of a body. The region of an address is a field of its own. */
function fieldsOf(body: Record<string, unknown>): string[] {
  const items = (name: string) =>
    (body[name] ?? []) as { field?: string; type?: string; id?: number; region?: string }[];
  const labels = new Map(Object.entries(catalog.customFields).map(([label, id]) => [id, label]));
  const custom = items('custom_fields').map(({ id = 0 }) => labels.get(id) ?? '');
  return [
    ...Object.keys(body).filter((key) => !Array.isArray(body[key])),
    ...['email_addresses', 'phone_numbers', 'addresses', 'social_accounts'].flatMap((name) =>
      items(name).map(({ field, type }) => field ?? type ?? ''),
    ),
    ...items('addresses').flatMap(({ field, region }) => (region ? [`${field}.region`] : [])),
    ...custom.map(
      (label) =>
        Object.keys(WHOLE.write).find((key) => key.toLowerCase() === `custom_fields.${label}`) ?? label,
    ),
  ];
}

/** A CRM that refuses some fields, and says so or not. */
function crmThat(
  refuses: (fields: readonly string[]) => string[],
  message: (fields: string[]) => unknown,
  idOf: (...all: unknown[]) => Promise<number> = async () => 1,
  mapping: WriteAcceptedDependencies['mapping'] = { customFields, userIdField: 'App User Id' },
) {
  const bodies: Record<string, unknown>[] = [];
  const stored = new Set<string>();
  const methods: string[] = [];
  const write = (method: string) => async (body: object) => {
    methods.push(method);
    bodies.push(body as Record<string, unknown>);
    const fields = fieldsOf(body as Record<string, unknown>);
    const refused = refuses(fields);
    if (refused.length > 0) throw refusalWith(400, { message: message(refused) });
    for (const field of fields) stored.add(field);
    return { id: CONTACT, tag_ids: [] };
  };
  const unused = () => {
    throw new Error('Not called');
  };
  const dependencies = {
    client: {
      upsertContact: write('upsert'),
      createContact: write('create'),
      updateContact: async (_: number, body: object) => write('update')(body),
      readContact: unused,
    },
    companies: { idOf },
    mapping,
    now: () => NOW,
  };
  const run = (request: Partial<WriteRequest> = {}) =>
    writeAccepted(
      { target: { kind: 'upsert' }, plan: WHOLE, catalog, known: new Set(), email: EMAIL, ...request },
      dependencies,
    );
  return { run, bodies, stored, methods };
}

function refusalWith(status: number, data: unknown): Error {
  const error = new HTTPError(
    new Response(null, { status }),
    new Request('http://crm.local'),
    {} as ConstructorParameters<typeof HTTPError>[2],
  );
  error.data = data;
  return toFailure(error, NOW);
}

const refusing =
  (...culprits: string[]) =>
  (fields: readonly string[]) =>
    culprits.filter((culprit) => fields.includes(culprit));
const named = (fields: string[]) => `${fields.map((field) => field.replace('.', ' ')).join(', ')} is invalid`;
const unnamed = () => 'Input could not be validated';

describe('a write of which the CRM refuses a field that it names', () => {
  it.each(FIELDS)('loses %s only, with one request more', async (field) => {
    const { run, bodies, stored } = crmThat(refusing(field), (fields) =>
      named(fields.map((each) => each.replace('custom_fields.', ''))),
    );
    const { refused, stale } = await run();
    expect([refused, stale, bodies.length]).toEqual([[field], [], 2]);
    expect(stored).toEqual(
      new Set(fieldsOf(bodies[0] ?? {}).filter((each) => each.split('.region')[0] !== field)),
    );
  });

  it.each([
    ['time_zone', { message: 'The Time Zone is not supported' }],
    ['time_zone', 'timeZone: unknown'],
    ['custom_fields.Program Week', { message: 'Custom field 13 is too long' }],
    ['custom_fields.Program Week', { message: 'Program Week is invalid' }],
    ['LinkedIn', { fault: { faultstring: 'LinkedIn account' } }],
  ] as const)('recognizes %s in %j', async (field, data) => {
    const { run, bodies } = crmThat(refusing(field), () => data);
    expect([(await run()).refused, bodies.length]).toEqual([[field], 2]);
  });

  it('loses the region of an address before the address', async () => {
    const region = crmThat(refusing('BILLING.region'), () => 'BILLING Region is invalid');
    expect((await region.run()).refused).toEqual(['BILLING.region']);
    expect([...region.stored]).toContain('BILLING');
    const whole = crmThat(refusing('BILLING'), () => 'BILLING Region is invalid');
    expect([(await whole.run()).refused, whole.bodies.length]).toEqual([['BILLING'], 3]);
  });

  it('costs one field after the other, and all but the email and the user id rather than the user', async () => {
    const one = (...culprits: string[]) => {
      const all = refusing(...culprits);
      return crmThat((fields) => all(fields).slice(0, 1), named);
    };
    const two = one('time_zone', 'website');
    expect([(await two.run()).refused, two.bodies.length]).toEqual([['time_zone', 'website'], 3]);
    const many = one('time_zone', 'website', 'LinkedIn', 'given_name');
    const { refused } = await many.run();
    expect(many.bodies).toHaveLength(4);
    expect(new Set(refused)).toEqual(new Set(FIELDS));
    expect([...many.stored]).toEqual(expect.arrayContaining(['EMAIL1', 'custom_fields.App User Id']));
  });

  it('is the company, if the CRM does not let the sync create it', async () => {
    const plan = { write: { ...REQUIRED, company: 'Acme' }, clear: [] } as unknown as FieldPlan;
    const { run, bodies } = crmThat(
      () => [],
      unnamed,
      async () => {
        throw refusalWith(400, { message: 'Company name is not allowed' });
      },
    );
    expect([(await run({ plan })).refused, bodies.length]).toEqual([['company'], 1]);
  });

  it('has the company looked up again only once', async () => {
    const write = { ...REQUIRED, company: 'Acme', given_name: 'Ann', website: 'x' };
    const lookUps: unknown[][] = [];
    const { run } = crmThat(
      (fields) => refusing('given_name', 'website')(fields).slice(0, 1),
      named,
      async (...all: unknown[]) => {
        lookUps.push(all);
        return 1;
      },
    );
    await run({ plan: { write, clear: [] } as unknown as FieldPlan });
    expect(lookUps).toEqual([['Acme'], ['Acme', 1], ['Acme'], ['Acme']]);
  });

  it('clears an older value of the sync in the same request', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = {
      write: { time_zone: 'Pacific/Auckland', given_name: 'Ann' },
      clear: [],
    } as unknown as FieldPlan;
    const isNew = (body: Record<string, unknown>) => body['time_zone'] === 'Pacific/Auckland';
    const { run, bodies } = crmThat(() => (isNew(bodies.at(-1) ?? {}) ? ['time_zone'] : []), named);
    expect(await run({ target, plan, known: new Set(['time_zone']) })).toMatchObject({
      refused: ['time_zone'],
      stale: [],
    });
    expect(bodies).toMatchObject([{ time_zone: 'Pacific/Auckland' }, { time_zone: '', given_name: 'Ann' }]);
  });

  it('is left out, if the CRM refuses to clear it, too', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = { write: { time_zone: 'x', given_name: 'Ann' }, clear: [] } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), named);
    const result = await run({ target, plan, known: new Set(['time_zone']) });
    expect(result).toMatchObject({
      refused: ['time_zone'],
      stale: ['time_zone'],
      plan: { write: { given_name: 'Ann' }, clear: [] },
    });
    expect(bodies).toEqual([
      { time_zone: 'x', given_name: 'Ann' },
      { time_zone: '', given_name: 'Ann' },
      { given_name: 'Ann' },
    ]);
  });

  it('is left out of what is cleared', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = { write: { given_name: 'Ann' }, clear: ['time_zone', 'website'] } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), named);
    expect(await run({ target, plan })).toMatchObject({
      refused: ['time_zone'],
      plan: { clear: ['website'] },
    });
    expect(bodies[1]).toEqual({ given_name: 'Ann', website: '' });
  });

  it('is lost also if the answer names the email with it', async () => {
    const { run } = crmThat(refusing('time_zone'), () => 'EMAIL1 or time_zone is invalid');
    expect((await run()).refused).toEqual(['time_zone']);
  });

  it('can be a field that has no other value in a mapping without a user id', async () => {
    const plan = { write: { EMAIL1: EMAIL, given_name: 'Ann' }, clear: [] } as unknown as FieldPlan;
    const { run } = crmThat(refusing('given_name'), named, undefined, { customFields });
    expect((await run({ plan })).refused).toEqual(['given_name']);
  });

  it('costs no further request if nothing else was to be written', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = { write: { time_zone: 'x' }, clear: [] } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), named);
    const { contact, contactId, refused } = await run({ target, plan });
    expect([contact, contactId, refused, bodies.length]).toEqual([undefined, CONTACT, ['time_zone'], 1]);
  });
});

describe('a write of which the CRM refuses a field that it does not name', () => {
  it('costs the field and at most two others, with at most four writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(FIELDS, { minLength: 1 }), fc.nat(), async (fields, index) => {
        const culprit = fields[index % fields.length] ?? '';
        const write = { ...REQUIRED, ...Object.fromEntries(fields.map((field) => [field, OPTIONAL[field]])) };
        const { run, bodies, stored } = crmThat(refusing(culprit), unnamed);
        const { refused } = await run({ plan: { write, clear: [] } as unknown as FieldPlan });
        expect(bodies.length).toBeLessThanOrEqual(4);
        expect(refused).toContain(culprit);
        expect(refused.length).toBeLessThanOrEqual(Math.max(1, Math.ceil(fields.length / 2)));
        for (const field of Object.keys(write)) expect(stored.has(field)).toBe(!refused.includes(field));
      }),
    );
  });

  it('never costs the user, whichever fields are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(FIELDS, { minLength: 1 }), async (culprits) => {
        const { run, bodies, stored } = crmThat(refusing(...culprits), unnamed);
        const { refused } = await run();
        expect(bodies.length).toBeLessThanOrEqual(4);
        expect(refused).toEqual(expect.arrayContaining(culprits));
        for (const field of Object.keys(WHOLE.write))
          expect(stored.has(field)).toBe(!refused.includes(field));
      }),
    );
  });

  it('says which fields still have an older value, and leaves a write for clearing them', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = {
      write: { time_zone: 'x', given_name: 'Ann', owner_id: 1 },
      clear: [],
    } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), unnamed);
    const { refused, stale } = await run({
      target,
      plan: { write: { time_zone: 'x', given_name: 'Ann' }, clear: [] } as unknown as FieldPlan,
      known: new Set(Object.keys(plan.write)),
    });
    expect([refused, stale]).toEqual([['time_zone'], ['time_zone']]);
    expect(bodies.length).toBeLessThanOrEqual(3);
  });

  it('is found out with the email if it was the only field', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const plan = { write: { time_zone: 'x' }, clear: [] } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), unnamed);
    const { refused, plan: accepted } = await run({ target, plan });
    expect([refused, accepted]).toEqual([['time_zone'], { write: { EMAIL1: EMAIL }, clear: [] }]);
    expect(bodies[1]).toEqual({ email_addresses: [{ field: 'EMAIL1', email: EMAIL }] });
  });
});

describe('a refusal that no optional field causes', () => {
  it.each([
    ['that names the email', 'EMAIL1 is invalid', 1],
    ['that names nothing', 'Input could not be validated', 3],
  ])('%s is thrown', async (_, message, writes) => {
    const { run, bodies } = crmThat(refusing('EMAIL1'), () => message);
    await expect(run()).rejects.toBeInstanceOf(RejectedError);
    expect(bodies).toHaveLength(writes);
  });

  it('is thrown at once if there is no optional field', async () => {
    const { run, bodies } = crmThat(refusing('EMAIL1'), unnamed);
    await expect(run({ plan: { write: REQUIRED, clear: [] } as unknown as FieldPlan })).rejects.toThrow(
      '400',
    );
    expect(bodies).toHaveLength(1);
  });

  it.each([409, 403, 404, 500])('and any failure with %i is thrown as it is', async (status) => {
    const failure = refusalWith(status, { message: 'time_zone' });
    const { run, bodies } = crmThat(() => {
      throw failure;
    }, unnamed);
    await expect(run()).rejects.toBe(failure);
    expect(bodies).toHaveLength(1);
  });
});

describe('the result of a write', () => {
  it('has what the CRM accepted, without an email that was not written', async () => {
    const target = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
    const write = { time_zone: 'x', website: 'y' };
    const { run } = crmThat(refusing('time_zone'), unnamed);
    const { plan } = await run({ target, plan: { write, clear: [] } as unknown as FieldPlan });
    expect(plan).toEqual({ write: { website: 'y' }, clear: [] });
  });

  it('is about one contact: once it is created, it is updated', async () => {
    const { run, methods } = crmThat(refusing('time_zone'), unnamed);
    await run();
    expect(methods.indexOf('update')).toBeGreaterThan(0);
    expect(methods).toEqual(methods.toSorted().toReversed());
  });
});

describe('the writes that find out which fields the CRM refuses without naming them', () => {
  const UPDATE = { kind: 'update', contactId: CONTACT, isClaimed: true, isForeign: false } as const;
  /** From the most suspicious to the least. */
  const BY_LETTER: Record<string, Field> = {
    T: 'time_zone',
    W: 'custom_fields.Program Week',
    P: 'custom_fields.Program',
    G: 'given_name',
  };
  const keysOf = (letters: string) => [...letters].map((letter) => BY_LETTER[letter] as Field);
  const lettersOf = (keys: readonly string[]) =>
    Object.keys(BY_LETTER)
      .filter((letter) => keys.includes(BY_LETTER[letter] as Field))
      .join('');

  it.each<
    [
      fields: string,
      culprits: string,
      older: string,
      writes: string,
      refused: string,
      stale: string,
      left: number,
    ]
  >([
    ['T', 'T', '', 'T - T', 'T', '', 1],
    ['T', 'T', 'T', 'T - T', 'T', 'T', 1],
    ['TW', 'T', '', 'TW W T', 'T', '', 1],
    ['TW', 'T', 'TW', 'TW W T', 'T', 'T', 1],
    ['TW', 'W', '', 'TW W - T', 'W', '', 0],
    ['TW', 'W', 'TW', 'TW W -', 'TW', 'TW', 1],
    ['TW', 'W', 'W', 'TW W -', 'TW', 'W', 1],
    ['TW', 'TW', '', 'TW W - T', 'TW', '', 0],
    ['TWP', 'T', '', 'TWP P W T', 'T', '', 0],
    ['TWP', 'T', 'TWP', 'TWP P W', 'T', 'T', 1],
    ['TWP', 'T', 'P', 'TWP P W', 'T', '', 1],
    ['TWP', 'W', '', 'TWP P W T', 'W', '', 0],
    ['TWP', 'W', 'TWP', 'TWP P W', 'TW', 'TW', 1],
    ['TWP', 'W', 'P', 'TWP P W', 'TW', '', 1],
    ['TWP', 'P', '', 'TWP P - TW', 'P', '', 0],
    ['TWP', 'P', 'TWP', 'TWP P -', 'TWP', 'TWP', 1],
    ['TWP', 'P', 'P', 'TWP P -', 'TWP', 'P', 1],
    ['TWP', 'TW', '', 'TWP P W T', 'TW', '', 0],
    ['TWP', 'TP', '', 'TWP P - TW', 'TWP', '', 0],
    ['TWPG', 'T', '', 'TWPG PG W T', 'T', '', 0],
    ['TWPG', 'T', 'TWPG', 'TWPG PG W', 'T', 'T', 1],
    ['TWPG', 'T', 'G', 'TWPG PG W', 'T', '', 1],
    ['TWPG', 'W', '', 'TWPG PG W T', 'W', '', 0],
    ['TWPG', 'W', 'TWPG', 'TWPG PG W', 'TW', 'TW', 1],
    ['TWPG', 'W', 'G', 'TWPG PG W', 'TW', '', 1],
    ['TWPG', 'P', '', 'TWPG PG - TW', 'PG', '', 0],
    ['TWPG', 'P', 'TWPG', 'TWPG PG -', 'TWPG', 'TWPG', 1],
    ['TWPG', 'P', 'G', 'TWPG PG -', 'TWPG', 'G', 1],
    ['TWPG', 'TW', '', 'TWPG PG W T', 'TW', '', 0],
    ['TWPG', 'TP', '', 'TWPG PG - TW', 'TWPG', '', 0],
  ])(
    'of %s, where it refuses %s, and %s have older values of the sync',
    async (fields, culprits, older, ...expected) => {
      const write = {
        ...REQUIRED,
        ...Object.fromEntries(
          keysOf(fields)
            .reverse()
            .map((key) => [key, OPTIONAL[key]]),
        ),
      };
      const { run, bodies } = crmThat(refusing(...keysOf(culprits)), unnamed);
      const plan = { write, clear: [] } as unknown as FieldPlan;
      const { refused, stale, writesLeft } = await run({
        plan,
        target: UPDATE,
        known: new Set(keysOf(older)),
      });
      const writes = bodies.map((body) => lettersOf(fieldsOf(body)) || '-').join(' ');
      expect([writes, lettersOf(refused), lettersOf(stale), writesLeft]).toEqual(expected);
    },
  );

  it.each<[string, string]>([
    ['time_zone', 'website'],
    ['BILLING', 'custom_fields.Program Week'],
    ['custom_fields.Program Week', 'custom_fields.Program'],
    ['custom_fields.Program Week', 'website'],
    ['custom_fields.Other', 'birthday'],
    ['custom_fields.Program', 'given_name'],
    ['website', 'given_name'],
    ['birthday', 'PHONE1'],
    ['website', 'EMAIL2'],
    ['website', 'LinkedIn'],
  ])('leave out %s before %s', async (first, second) => {
    const values: Record<string, string> = {
      ...OPTIONAL,
      birthday: '2000-01-31',
      'custom_fields.Other': 'x',
    };
    const write = { ...REQUIRED, [second]: values[second], [first]: values[first] };
    const withOther = { ...catalog, customFields: { ...catalog.customFields, other: 14 } };
    const { run, bodies } = crmThat((fields) => (bodies.length === 1 ? [...fields] : []), unnamed);
    await run({ plan: { write, clear: [] } as unknown as FieldPlan, catalog: withOther, target: UPDATE });
    const [, body = {}] = bodies;
    expect(Object.keys(body).length).toBeGreaterThan(0);
    const property = (key: string) =>
      JSON.stringify(fieldsOf({ ...body })).includes(key.replace('custom_fields.', ''));
    expect(fieldsOf(body).length).toBe(3);
    if (second in OPTIONAL) expect(property(second)).toBe(true);
  });

  it('leave out what is to be cleared, too', async () => {
    const plan = {
      write: { ...REQUIRED, given_name: 'Ann' },
      clear: ['time_zone', 'custom_fields.Program'],
    } as unknown as FieldPlan;
    const { run, bodies } = crmThat(refusing('time_zone'), unnamed);
    const { refused } = await run({ plan, target: UPDATE });
    expect(refused).toEqual(['time_zone']);
    expect(bodies.map((body) => lettersOf(fieldsOf(body)))).toEqual(['TPG', 'G', 'P', 'T']);
  });

  it('are those without a name in the answer only: a named field is left out first', async () => {
    const write = { ...REQUIRED, time_zone: 'x', website: 'y', given_name: 'Ann' };
    const { run, bodies } = crmThat(
      (fields) => refusing('website', 'given_name')(fields).slice(0, 1),
      ([field]) => (field === 'website' ? 'website is invalid' : 'Input could not be validated'),
    );
    const { refused } = await run({ plan: { write, clear: [] } as unknown as FieldPlan });
    // Four writes are not enough to find out that the time zone is right.
    expect(new Set(refused)).toEqual(new Set(['website', 'given_name', 'time_zone']));
    expect(bodies.map((body) => 'website' in body)).toEqual([true, false, false, false]);
  });
});
