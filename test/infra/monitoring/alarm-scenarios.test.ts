import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { alarmWorld, HOUR, MIDNIGHT, MINUTE } from '../../support/alarm-world.ts';
import { type AlarmProperties, alarmSchema, statesOver } from '../../support/cloudwatch-alarm.ts';
import { startCrm } from '../../support/crm-under-test.ts';
import { readable, resources, templateWith } from '../../support/template-with.ts';

const alarms = Object.entries(resources(templateWith(), 'AWS::CloudWatch::Alarm')).map(
  ([id, { Properties }]) => ({ name: id.replace(/^Alarms/, ''), alarm: alarmSchema.parse(Properties) }),
);
const DAY = 24 * HOUR;
const DOWN = new RetryableError('The CRM failed (503)');
const REVOKED = new RetryableError('The CRM refuses the credentials (401)');
const FORBIDDEN = new RetryableError('The account may not do this (403)');
const POISON = 'poison@example.com';
const poisoned = (email: string | undefined) => (email === POISON ? FORBIDDEN : undefined);

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeAll(async () => {
  crm = await startCrm();
  await crm.catalog.current();
});
afterAll(() => crm.stop());
let world: ReturnType<typeof alarmWorld>;
beforeEach(() => {
  world = alarmWorld(crm);
});

/** One of ten users changes every three minutes. */
const traffic = (at: number) => {
  if (at % (3 * MINUTE) === 0) world.change(`user${(at / MINUTE) % 10}`);
};

/** Name of an alarm's metric as the world emits it: AWS's own with what it is about. */
function metricOf({ Namespace, MetricName, Dimensions }: AlarmProperties): string {
  if (Namespace === 'user-sync') return MetricName;
  const about = readable(Dimensions[0]?.Value).replace(/^(ContactSync|ChangeFeed)|\.QueueName$/g, '');
  return `${MetricName} ${about}`;
}

/** When alarms rang, in minutes since the start of the world: `NothingSucceeds 95–260`. Without an end where they still ring. */
function rung(): string[] {
  const span = { from: MIDNIGHT, until: world.now() };
  return alarms.flatMap(({ name, alarm }) => {
    const states = statesOver(alarm, world.samples.get(metricOf(alarm)) ?? [], span);
    return states.flatMap(({ at, state }, index) => {
      if (state !== 'ALARM' || states[index - 1]?.state === 'ALARM') return [];
      const end = states.slice(index).find((later) => later.state !== 'ALARM');
      const minute = (ms: number) => Math.round((ms - MIDNIGHT) / MINUTE);
      return `${name} ${minute(at)}–${end ? minute(end.at) : ''}`;
    });
  });
}

/** The first time that an alarm rang. @throws when it did not. */
function ring(name: string): { began: number; ended: number | undefined } {
  const [times] = rung()
    .filter((each) => each.startsWith(`${name} `))
    .map((each) => each.split(' ')[1]?.split('–'));
  if (!times) throw new Error(`${name} did not ring; rang: ${rung().join(', ') || 'none'}`);
  return { began: Number(times[0]), ended: times[1] ? Number(times[1]) : undefined };
}

describe('no alarm rings', () => {
  it('in an idle system', async () => {
    await world.run(DAY);
    expect(rung()).toEqual([]);
  });

  it('on a day on which all goes well, with a change after hours without any', async () => {
    await world.run(6 * HOUR, traffic);
    await world.run(6 * HOUR);
    world.change('ann');
    await world.run(HOUR);
    expect(rung()).toEqual([]);
  });

  it('for a failure that ends by itself within minutes', async () => {
    await world.run(HOUR, traffic);
    world.fault = () => DOWN;
    await world.run(10 * MINUTE, traffic);
    world.fault = () => undefined;
    await world.run(HOUR, traffic);
    expect(rung()).toEqual([]);
  });

  it('while a long backlog is worked off', async () => {
    for (let user = 0; user < 400; user++) world.change(`new${user}`, { cause: 'backfill' });
    world.batches = 1;
    let step = 0;
    await world.run(2 * HOUR, () => {
      // One batch every two and a half minutes.
      world.consumes = step++ % 10 === 0;
    });
    expect(world.queued()).toBe(0);
    expect(rung().filter((each) => !each.startsWith('SyncLag'))).toEqual([]);
  }, 60_000);

  it('while users of a backfill wait for its share of the quota, at night', async () => {
    await world.editLedger((ledger) => ({ ...ledger, day: { ...ledger.day, used: 101_000 } }));
    for (let user = 0; user < 20; user++) world.change(`new${user}`, { cause: 'backfill' });
    await world.run(10 * HOUR);
    expect(world.queued()).toBe(20);
    expect(rung()).toEqual(['QuotaDay 5–']);
  });
});

describe('a total outage', () => {
  it.each([
    ['of the CRM', DOWN],
    ['after the key was revoked', REVOKED],
  ])('%s rings within 40 minutes, and within two hours and a quarter for its age', async (_, error) => {
    await world.run(HOUR, traffic);
    world.fault = () => error;
    await world.run(5 * HOUR, traffic);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
    expect(ring('OldestChange').began).toBeLessThanOrEqual(60 + 135);
    expect(ring('NothingSucceeds').ended).toBeUndefined();
    expect(ring('OldestChange').ended).toBeUndefined();
  });

  it('ends its alarms when it is over', async () => {
    await world.run(HOUR, traffic);
    world.fault = () => DOWN;
    await world.run(5 * HOUR, traffic);
    world.fault = () => undefined;
    await world.run(2 * HOUR, traffic);
    expect(world.queued()).toBe(0);
    expect(ring('NothingSucceeds').ended).toBeLessThanOrEqual(360 + 10);
    for (const name of ['OldestChange', 'StuckUsers']) expect(ring(name).ended).toBeLessThanOrEqual(360 + 40);
  });

  it('rings while retries are an hour apart', async () => {
    world.fault = () => new RetryableError('Come back later', { afterMs: HOUR });
    for (const user of ['ann', 'bob', 'cleo']) world.change(user);
    await world.run(5 * HOUR);
    expect(rung()).toContainEqual(expect.stringMatching(/^NothingSucceeds \d+–$/));
  });

  it('rings where other programs spend every minute of the quota', async () => {
    const starve = (at: number) => {
      traffic(at);
      const pause = { reason: 'minute' as const, since: at, until: at + MINUTE };
      void world.editLedger((ledger) => ({ ...ledger, pause }));
    };
    await world.run(3 * HOUR, starve);
    expect(rung()).toContainEqual(expect.stringMatching(/^NothingSucceeds \d+–$/));
    expect(rung()).not.toContainEqual(expect.stringMatching(/^Paused/));
  });

  it('with one user who changes rings within 70 minutes', async () => {
    world.fault = () => REVOKED;
    world.change('ann');
    await world.run(3 * HOUR);
    expect(ring('StuckUsers').began).toBeLessThanOrEqual(70);
  });
});

describe('a consumer that does not run', () => {
  it('and never did rings within 40 minutes', async () => {
    world.consumes = false;
    world.change('ann');
    await world.run(2 * HOUR);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(40);
    expect(ring('NothingSucceeds').ended).toBeUndefined();
  });

  it('any more rings within 40 minutes', async () => {
    await world.run(HOUR, traffic);
    world.consumes = false;
    await world.run(2 * HOUR, traffic);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
  });

  it('any more rings within 75 minutes beside a stuck user, whose next attempt does not come', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(6 * HOUR);
    world.consumes = false;
    await world.run(2 * HOUR, traffic);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(360 + 75);
    expect(ring('NothingSucceeds').ended).toBeUndefined();
  });
});

describe('one user who always fails', () => {
  const DAYS = 3;

  it.each([
    ['alone in an idle system', () => {}],
    ['in a busy system', traffic],
  ])(
    '%s is an alarm of its own, and neither an outage nor an old change for days',
    async (_, others) => {
      world.fault = poisoned;
      await world.run(HOUR, others);
      world.change('poison');
      await world.run(DAYS * DAY, others);
      expect(rung()).toEqual([expect.stringMatching(/^StuckUsers 1[23]\d–$/)]);
      world.fault = () => undefined;
      await world.run(HOUR, others);
      expect(rung()).toEqual([expect.stringMatching(/^StuckUsers 1[23]\d–\d+$/)]);
    },
    60_000,
  );

  it('and changes again and again rings no more than that', async () => {
    world.fault = poisoned;
    await world.run(DAYS * DAY, (at) => {
      if (at % (50 * MINUTE) === 0) world.change('poison');
    });
    expect(rung()).toEqual([expect.stringMatching(/^StuckUsers \d+–$/)]);
  });

  it('does not hide a later outage', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(DAY, traffic);
    world.fault = () => DOWN;
    await world.run(3 * HOUR, traffic);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(24 * 60 + 40);
    expect(ring('OldestChange').began).toBeLessThanOrEqual(24 * 60 + 135);
  });

  it('does not hide a later outage in which one other user changes', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(DAY);
    world.fault = () => DOWN;
    world.change('ann');
    await world.run(3 * HOUR);
    expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(24 * 60 + 40);
  });
});

describe('a pause', () => {
  it('of a spent day is its own alarm and after two hours an old change, but no outage, and ends at midnight', async () => {
    await world.run(10 * HOUR, traffic);
    await world.editLedger((ledger) => ({ ...ledger, day: { ...ledger.day, used: PLENTY } }));
    await world.run(14 * HOUR, traffic);
    await world.run(HOUR, traffic);
    expect(ring('QuotaDay').began).toBeLessThanOrEqual(600 + 10);
    expect(ring('Paused').began).toBeLessThanOrEqual(600 + 20);
    expect(ring('OldestChange').began).toBeGreaterThan(600 + 120);
    for (const name of ['QuotaDay', 'Paused', 'OldestChange'])
      expect(ring(name).ended).toBeLessThanOrEqual(24 * 60 + 10);
    expect(() => ring('NothingSucceeds')).toThrow('did not ring');
    expect(() => ring('StuckUsers')).toThrow('did not ring');
  });

  it('by hand rings until it is lifted, without a false end while nobody changes', async () => {
    const pause = { reason: 'operator' as const, since: MIDNIGHT, until: MIDNIGHT + 30 * DAY };
    await world.editLedger((ledger) => ({ ...ledger, pause }));
    world.change('ann');
    await world.run(6 * HOUR);
    expect(rung()).toContainEqual(expect.stringMatching(/^Paused \d+–$/));
    await world.editLedger((ledger) => ({ ...ledger, pause: null }));
    await world.run(90 * MINUTE);
    expect(world.queued()).toBe(0);
    expect(ring('Paused').ended).toBeLessThanOrEqual(360 + 10);
    expect(() => ring('NothingSucceeds')).toThrow('did not ring');
  });
  const PLENTY = 125_000;
});

it('a problem of the catalog rings until it is fixed, without a false end while nobody changes', async () => {
  const catalog = await crm.catalog.current();
  await world.table.writeCatalog({ ...catalog, problems: ['Program is a Date'] });
  await world.run(DAY);
  expect(rung()).toEqual([expect.stringMatching(/^CatalogProblems \d+–$/)]);
  await world.table.writeCatalog({ ...catalog, problems: [] });
  await world.run(HOUR);
  expect(rung()).toEqual([expect.stringMatching(/^CatalogProblems \d+–1445$/)]);
});

it('a health check that does not run rings within 40 minutes', async () => {
  await world.run(HOUR, traffic);
  world.checks = false;
  await world.run(2 * HOUR, traffic);
  expect(ring('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
  expect(ring('OldestChange').began).toBeLessThanOrEqual(60 + 40);
});

describe('metrics of AWS', () => {
  const every = (ms: number, value: number, name: string) => (at: number) => {
    if (at % ms === 0) world.emit(name, value);
  };

  it('a dead letter rings until it is gone, also when SQS sends nothing about a queue that nobody uses', async () => {
    world.samples.set('ApproximateNumberOfMessagesVisible DeadLetterQueue', [
      { at: MIDNIGHT, value: 0 },
      { at: MIDNIGHT + HOUR, value: 1 },
    ]);
    const silent = world.emit;
    world.emit = (name, value) => (name.endsWith('DeadLetterQueue') ? undefined : silent(name, value));
    await world.run(12 * HOUR);
    expect(rung()).toEqual(['DeadLetters 65–']);
  });

  it('a message that kills the function every 12 minutes rings within the hour', async () => {
    await world.run(2 * HOUR, (at) => {
      traffic(at);
      every(12 * MINUTE, 1, 'Errors SyncContact')(at);
    });
    expect(ring('SyncContactErrors').began).toBeLessThanOrEqual(60);
  });

  it('a refresh token that was refused rings until the next renewal succeeds, 12 hours later', async () => {
    await world.run(HOUR);
    world.emit('AuthorizationLost', 1);
    await world.run(12 * HOUR);
    world.emit('AuthorizationLost', 0);
    await world.run(HOUR);
    expect(rung()).toEqual(['AuthorizationLost 65–785']);
  });
});
