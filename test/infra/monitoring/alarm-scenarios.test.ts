import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { alarmWorld, HOUR, MIDNIGHT, MINUTE } from '../../support/alarm-world.ts';
import { type AlarmProperties, alarmSchema, statesOver } from '../../support/cloudwatch-alarm.ts';
import { startCrm } from '../../support/crm-under-test.ts';
import { readable, resources, templateWith } from '../../support/template-with.ts';

const alarms = Object.entries(
  resources(
    templateWith({
      events: {
        callback: { url: 'https://app.example.com/events' },
        queueArn: 'arn:aws:sqs:eu-west-1:123456789012:app-events',
      },
    }),
    'AWS::CloudWatch::Alarm',
  ),
).map(([id, { Properties }]) => ({ name: id.replace(/^Alarms/, ''), alarm: alarmSchema.parse(Properties) }));
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

/** Name under which the world emits an alarm's metric: for a metric of AWS with the resource, such as `Errors SyncContact`. */
function metricOf({ Namespace, MetricName, Dimensions }: AlarmProperties): string {
  if (Namespace === 'user-sync') return MetricName;
  // A rule of EventBridge has the bus as its first dimension.
  const about = readable(Dimensions.at(-1)?.Value).replace(
    /^(ContactSync|ChangeFeed|CrmEvents)|\.QueueName$/g,
    '',
  );
  return `${MetricName} ${about}`;
}

/** Times of alarms in minutes since the start: `NothingSucceeds 95–260`, or `NothingSucceeds 95–` if it is still raised. */
function raised(): string[] {
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

/** The first time that an alarm was raised. @throws if it was not. */
function firstRaised(name: string): { began: number; ended: number | undefined } {
  const [times] = raised()
    .filter((each) => each.startsWith(`${name} `))
    .map((each) => each.split(' ')[1]?.split('–'));
  if (!times) throw new Error(`${name} was not raised; raised: ${raised().join(', ') || 'none'}`);
  return { began: Number(times[0]), ended: times[1] ? Number(times[1]) : undefined };
}

describe('no alarm is raised', () => {
  it('in an idle system', async () => {
    await world.run(DAY);
    expect(raised()).toEqual([]);
  });

  it('in normal operation, with a change after hours without any', async () => {
    await world.run(6 * HOUR, traffic);
    await world.run(6 * HOUR);
    world.change('ann');
    await world.run(HOUR);
    expect(raised()).toEqual([]);
  });

  it('for an outage of ten minutes', async () => {
    await world.run(HOUR, traffic);
    world.fault = () => DOWN;
    await world.run(10 * MINUTE, traffic);
    world.fault = () => undefined;
    await world.run(HOUR, traffic);
    expect(raised()).toEqual([]);
  });

  it('while a long backlog is processed', async () => {
    for (let user = 0; user < 400; user++) world.change(`new${user}`, { cause: 'backfill' });
    world.batches = 1;
    let step = 0;
    await world.run(2 * HOUR, () => {
      // One batch every two and a half minutes.
      world.consumes = step++ % 10 === 0;
    });
    expect(world.queued()).toBe(0);
    expect(raised().filter((each) => !each.startsWith('SyncLag'))).toEqual([]);
  }, 60_000);

  it('except QuotaDay while users of a backfill wait for its share of the quota', async () => {
    await world.editLedger((ledger) => ({ ...ledger, day: { ...ledger.day, used: 101_000 } }));
    for (let user = 0; user < 20; user++) world.change(`new${user}`, { cause: 'backfill' });
    await world.run(10 * HOUR);
    expect(world.queued()).toBe(20);
    expect(raised()).toEqual(['QuotaDay 5–']);
  });
});

describe('a total outage', () => {
  it.each([
    ['of the CRM', DOWN],
    ['after the key was revoked', REVOKED],
  ])('%s raises NothingSucceeds within 40 minutes and OldestChange within 135 minutes', async (_, error) => {
    await world.run(HOUR, traffic);
    world.fault = () => error;
    await world.run(5 * HOUR, traffic);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
    expect(firstRaised('OldestChange').began).toBeLessThanOrEqual(60 + 135);
    expect(firstRaised('NothingSucceeds').ended).toBeUndefined();
    expect(firstRaised('OldestChange').ended).toBeUndefined();
  });

  it('ends its alarms within minutes when it is over', async () => {
    await world.run(HOUR, traffic);
    world.fault = () => DOWN;
    await world.run(5 * HOUR, traffic);
    world.fault = () => undefined;
    await world.run(2 * HOUR, traffic);
    expect(world.queued()).toBe(0);
    expect(firstRaised('NothingSucceeds').ended).toBeLessThanOrEqual(360 + 10);
    for (const name of ['OldestChange', 'StuckUsers'])
      expect(firstRaised(name).ended).toBeLessThanOrEqual(360 + 40);
  });

  it('raises an alarm while retries are an hour apart', async () => {
    world.fault = () => new RetryableError('Come back later', { afterMs: HOUR });
    for (const user of ['ann', 'bob', 'cleo']) world.change(user);
    await world.run(5 * HOUR);
    expect(raised()).toContainEqual(expect.stringMatching(/^NothingSucceeds \d+–$/));
  });

  it('raises an alarm while other programs use up the quota of every minute', async () => {
    const starve = (at: number) => {
      traffic(at);
      const pause = { reason: 'minute' as const, since: at, until: at + MINUTE };
      void world.editLedger((ledger) => ({ ...ledger, pause }));
    };
    await world.run(3 * HOUR, starve);
    expect(raised()).toContainEqual(expect.stringMatching(/^NothingSucceeds \d+–$/));
    expect(raised()).not.toContainEqual(expect.stringMatching(/^Paused/));
  });

  it('raises an alarm within 70 minutes if only one user changes', async () => {
    world.fault = () => REVOKED;
    world.change('ann');
    await world.run(3 * HOUR);
    expect(firstRaised('StuckUsers').began).toBeLessThanOrEqual(70);
  });
});

describe('a consumer that does not run', () => {
  it('from the start raises an alarm within 40 minutes', async () => {
    world.consumes = false;
    world.change('ann');
    await world.run(2 * HOUR);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(40);
    expect(firstRaised('NothingSucceeds').ended).toBeUndefined();
  });

  it('after it has worked before raises an alarm within 40 minutes', async () => {
    await world.run(HOUR, traffic);
    world.consumes = false;
    await world.run(2 * HOUR, traffic);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
  });

  it('after it has worked before raises an alarm within 75 minutes if a user is stuck', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(6 * HOUR);
    world.consumes = false;
    await world.run(2 * HOUR, traffic);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(360 + 75);
    expect(firstRaised('NothingSucceeds').ended).toBeUndefined();
  });
});

describe('a user who always fails', () => {
  const DAYS = 3;

  it.each([
    ['alone in an idle system', () => {}],
    ['in a busy system', traffic],
  ])(
    '%s raises StuckUsers only, for days',
    async (_, others) => {
      world.fault = poisoned;
      await world.run(HOUR, others);
      world.change('poison');
      await world.run(DAYS * DAY, others);
      expect(raised()).toEqual([expect.stringMatching(/^StuckUsers 1[23]\d–$/)]);
      world.fault = () => undefined;
      await world.run(HOUR, others);
      expect(raised()).toEqual([expect.stringMatching(/^StuckUsers 1[23]\d–\d+$/)]);
    },
    60_000,
  );

  it('and changes repeatedly raises StuckUsers only', async () => {
    world.fault = poisoned;
    await world.run(DAYS * DAY, (at) => {
      if (at % (50 * MINUTE) === 0) world.change('poison');
    });
    expect(raised()).toEqual([expect.stringMatching(/^StuckUsers \d+–$/)]);
  });

  it('does not hide a later outage', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(DAY, traffic);
    world.fault = () => DOWN;
    await world.run(3 * HOUR, traffic);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(24 * 60 + 40);
    expect(firstRaised('OldestChange').began).toBeLessThanOrEqual(24 * 60 + 135);
  });

  it('does not hide a later outage in which one other user changes', async () => {
    world.fault = poisoned;
    world.change('poison');
    await world.run(DAY);
    world.fault = () => DOWN;
    world.change('ann');
    await world.run(3 * HOUR);
    expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(24 * 60 + 40);
  });
});

describe('a pause', () => {
  it('by a used up daily quota raises Paused, and OldestChange after two hours, until midnight', async () => {
    await world.run(10 * HOUR, traffic);
    await world.editLedger((ledger) => ({ ...ledger, day: { ...ledger.day, used: PLENTY } }));
    await world.run(14 * HOUR, traffic);
    await world.run(HOUR, traffic);
    expect(firstRaised('QuotaDay').began).toBeLessThanOrEqual(600 + 10);
    expect(firstRaised('Paused').began).toBeLessThanOrEqual(600 + 20);
    expect(firstRaised('OldestChange').began).toBeGreaterThan(600 + 120);
    for (const name of ['QuotaDay', 'Paused', 'OldestChange'])
      expect(firstRaised(name).ended).toBeLessThanOrEqual(24 * 60 + 10);
    expect(() => firstRaised('NothingSucceeds')).toThrow('was not raised');
    expect(() => firstRaised('StuckUsers')).toThrow('was not raised');
  });

  it('by an operator raises Paused until it is lifted, also while nobody changes', async () => {
    const pause = { reason: 'operator' as const, since: MIDNIGHT, until: MIDNIGHT + 30 * DAY };
    await world.editLedger((ledger) => ({ ...ledger, pause }));
    world.change('ann');
    await world.run(6 * HOUR);
    expect(raised()).toContainEqual(expect.stringMatching(/^Paused \d+–$/));
    await world.editLedger((ledger) => ({ ...ledger, pause: null }));
    await world.run(90 * MINUTE);
    expect(world.queued()).toBe(0);
    expect(firstRaised('Paused').ended).toBeLessThanOrEqual(360 + 10);
    expect(() => firstRaised('NothingSucceeds')).toThrow('was not raised');
  });
  const PLENTY = 125_000;
});

it('a catalog problem raises an alarm until it is fixed, also while nobody changes', async () => {
  const catalog = await crm.catalog.current();
  await world.table.writeCatalog({ ...catalog, problems: ['Program is a Date'] });
  await world.run(DAY);
  expect(raised()).toEqual([expect.stringMatching(/^CatalogProblems \d+–$/)]);
  await world.table.writeCatalog({ ...catalog, problems: [] });
  await world.run(HOUR);
  expect(raised()).toEqual([expect.stringMatching(/^CatalogProblems \d+–1445$/)]);
});

it('a change feed that stops raises ChangeFeed within 30 minutes, and nothing else, until it runs again', async () => {
  await world.run(HOUR, traffic);
  world.changeFeedProblem = 'its event source is Disabled';
  await world.run(DAY);
  expect(raised()).toEqual([expect.stringMatching(/^ChangeFeed \d+–$/)]);
  expect(firstRaised('ChangeFeed').began).toBeLessThanOrEqual(60 + 30);
  world.changeFeedProblem = undefined;
  await world.run(HOUR);
  expect(firstRaised('ChangeFeed').ended).toBeLessThanOrEqual(25 * 60 + 10);
});

it('a change feed that is stopped for ten minutes raises no alarm', async () => {
  await world.run(HOUR);
  world.changeFeedProblem = 'its event source reports: PROBLEM: Function call failed';
  await world.run(10 * MINUTE);
  world.changeFeedProblem = undefined;
  await world.run(HOUR);
  expect(raised()).toEqual([]);
});

it('polls that do not run raise an alarm after two hours, until one is complete', async () => {
  let lag = 0;
  const emitted = (at: number) => {
    if (at % (5 * MINUTE) !== 0) return;
    lag += 300;
    world.emit('EventLag', lag);
  };
  await world.run(4 * HOUR, emitted);
  lag = 0;
  await world.run(HOUR, emitted);
  expect(firstRaised('EventLag').began).toBeLessThanOrEqual(125);
  expect(firstRaised('EventLag').ended).toBeLessThanOrEqual(4 * 60 + 10);
});

it.each(['EventQueue', 'EventCallback', 'Schedules'])(
  'what EventBridge gives up raises %s alone',
  async (article) => {
    const alarm = alarms.find(({ name }) => name === article)?.alarm;
    const emitted = (at: number) => {
      if (alarm && at === MIDNIGHT + 30 * MINUTE) world.emit(metricOf(alarm), 1);
    };
    await world.run(HOUR, emitted);
    expect(raised()).toEqual([`${article} 35–50`]);
  },
);

it('an event that the callback never accepts raises an alarm until it is gone', async () => {
  const emitted = (value: number) => (at: number) => {
    if (at % (5 * MINUTE) === 0)
      world.emit('ApproximateNumberOfMessagesVisible CallbackDeadLetterQueue', value);
  };
  await world.run(HOUR, emitted(2));
  await world.run(HOUR, emitted(0));
  expect(raised()).toEqual([expect.stringMatching(/^CallbackDeadLetters \d+–6\d$/)]);
});

it('a health check that does not run raises an alarm within 40 minutes', async () => {
  await world.run(HOUR, traffic);
  world.checks = false;
  await world.run(2 * HOUR, traffic);
  expect(firstRaised('NothingSucceeds').began).toBeLessThanOrEqual(60 + 40);
  expect(firstRaised('OldestChange').began).toBeLessThanOrEqual(60 + 40);
});

describe('metrics of AWS', () => {
  const every = (ms: number, value: number, name: string) => (at: number) => {
    if (at % ms === 0) world.emit(name, value);
  };

  it('a dead letter raises an alarm until it is gone, also when SQS sends no metrics of the idle queue', async () => {
    world.samples.set('ApproximateNumberOfMessagesVisible DeadLetterQueue', [
      { at: MIDNIGHT, value: 0 },
      { at: MIDNIGHT + HOUR, value: 1 },
    ]);
    const silent = world.emit;
    world.emit = (name, value) => (name.endsWith('DeadLetterQueue') ? undefined : silent(name, value));
    await world.run(12 * HOUR);
    expect(raised()).toEqual(['DeadLetters 65–']);
  });

  it('a message that kills the function every 12 minutes raises an alarm within an hour', async () => {
    await world.run(2 * HOUR, (at) => {
      traffic(at);
      every(12 * MINUTE, 1, 'Errors SyncContact')(at);
    });
    expect(firstRaised('SyncContactErrors').began).toBeLessThanOrEqual(60);
  });

  it('a rejected refresh token raises an alarm until the next renewal succeeds', async () => {
    await world.run(HOUR);
    world.emit('AuthorizationLost', 1);
    await world.run(12 * HOUR);
    world.emit('AuthorizationLost', 0);
    await world.run(HOUR);
    expect(raised()).toEqual(['AuthorizationLost 65–785']);
  });
});
