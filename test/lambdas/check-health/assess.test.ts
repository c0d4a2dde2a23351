import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assess, type Situation } from '../../../lambdas/check-health/assess.ts';
import { MAX_WAITING, type Progress } from '../../../shared/queue/progress.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Times are minutes before noon. */
const waits = (group: string, failing: number | null, changed = failing ?? 0) => ({
  group,
  changedAt: NOON - changed * MINUTE,
  failingSince: failing === null ? null : NOON - failing * MINUTE,
  triedAt: NOON - MINUTE,
});
const situation = (
  { synced = 2, active = 2, hidden = 0, waiting = [] as Progress['waiting'] } = {},
  more: Partial<Situation> = {},
): Situation => ({
  queue: { visible: 0, hidden: 1, delayed: 0 },
  progress: {
    syncedAt: NOON - synced * MINUTE,
    writtenAt: 0,
    activeAt: NOON - active * MINUTE,
    hiddenUntil: NOON - hidden * MINUTE,
    waiting,
  },
  paused: false,
  now: NOON,
  ...more,
});
const EMPTY = { visible: 0, hidden: 0, delayed: 0 };
const VISIBLE = { visible: 1, hidden: 0, delayed: 0 };

describe('nothing succeeds', () => {
  it.each<[string, boolean, Situation]>([
    [
      'the queue is empty, however long ago the last success was',
      false,
      situation({ synced: 900 }, { queue: EMPTY }),
    ],
    [
      'something has succeeded since the last check',
      false,
      situation({ synced: 4, waiting: [waits('a', 50), waits('b', 50)] }),
    ],
    [
      'two users fail, and none has succeeded',
      true,
      situation({ synced: 6, waiting: [waits('a', 6), waits('b', 3)] }),
    ],
    ['one user fails alone', false, situation({ synced: 90, hidden: -9, waiting: [waits('a', 80)] })],
    [
      'two users failed long before others succeeded',
      false,
      situation({ synced: 60, hidden: -9, waiting: [waits('a', 900), waits('b', 90)] }),
    ],
    [
      'a user fails in addition to one who failed long before others succeeded',
      true,
      situation({ synced: 60, hidden: -9, waiting: [waits('a', 900), waits('b', 40)] }),
    ],
    [
      'messages are visible, and none is received',
      true,
      situation({ synced: 6, active: 6, hidden: 6 }, { queue: VISIBLE }),
    ],
    ['nothing was ever received', true, situation({}, { queue: VISIBLE, progress: undefined })],
    ['a postponed message is not due', false, situation({ synced: 60, active: 60, hidden: -9 })],
    ['a postponed message was due long ago', true, situation({ synced: 60, active: 60, hidden: 6 })],
    [
      'messages wait behind a hidden one of their user',
      false,
      situation({ synced: 60, active: 60, hidden: -9 }, { queue: VISIBLE }),
    ],
    [
      'requests are paused',
      false,
      situation({ synced: 60, active: 60, hidden: 60 }, { queue: VISIBLE, paused: true }),
    ],
    [
      'messages are delayed',
      true,
      situation({ synced: 60, active: 60, hidden: 60 }, { queue: { ...EMPTY, delayed: 1 } }),
    ],
  ])('where %s: %s', (_, expected, given) => {
    expect(assess(given).nothingSucceeds).toBe(expected);
  });
});

describe('the age of the oldest change', () => {
  it.each<[string, number, Situation]>([
    ['is 0 if the queue is empty', 0, situation({ waiting: [waits('a', 60)] }, { queue: EMPTY })],
    ['includes users who fail', 70, situation({ waiting: [waits('a', 30, 70), waits('b', 20)] })],
    [
      'includes users who wait for the quota',
      500,
      situation({ waiting: [waits('a', null, 500), waits('b', 20)] }, { paused: true }),
    ],
    ['excludes a user who has failed alone for an hour', 0, situation({ waiting: [waits('a', 60)] })],
    ['includes a user who has failed alone for less', 59, situation({ waiting: [waits('a', 59)] })],
    [
      'excludes users who have failed for an hour while others succeed',
      20,
      situation({ waiting: [waits('a', 900), waits('b', 61), waits('c', 20)] }),
    ],
    [
      'includes all users while none succeeds',
      900,
      situation({ synced: 890, waiting: [waits('a', 900), waits('b', 61)] }),
    ],
  ])('%s: %d minutes', (_, minutes, given) => {
    expect(assess(given).oldestChangeMs).toBe(minutes * MINUTE);
  });
});

it('users who have failed for an hour are stuck, and not users who wait for the quota', () => {
  const waiting = [waits('a', 60), waits('b', 59), waits('c', null, 600)];
  expect(assess(situation({ waiting })).stuck).toEqual(['a']);
});

it('any success ends "nothing succeeds", and an empty queue ends every problem', () => {
  const minutes = fc.integer({ min: 0, max: 5000 });
  const anyWaiting = fc.array(
    fc.tuple(fc.nat().map(String), fc.option(minutes), minutes).map((each) => waits(...each)),
    { maxLength: MAX_WAITING },
  );
  const queue = fc.record({ visible: fc.nat(50), hidden: fc.nat(50), delayed: fc.nat(5) });
  fc.assert(
    fc.property(anyWaiting, queue, minutes, minutes, (waiting, counts, active, hidden) => {
      const given = (synced: number, queue = counts) =>
        assess(situation({ synced, active, hidden, waiting }, { queue }));
      expect(given(0).nothingSucceeds).toBe(false);
      expect(given(HOUR, EMPTY)).toMatchObject({ nothingSucceeds: false, oldestChangeMs: 0, stuck: [] });
      expect(given(0).oldestChangeMs).toBeGreaterThanOrEqual(0);
    }),
  );
});
