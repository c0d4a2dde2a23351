import { describe, expect, it } from 'vitest';
import type { UserPlan } from '../../../lambdas/backfill/plan-user.ts';
import type { Run } from '../../../lambdas/backfill/run.ts';
import { addScannedUser, countTagJob, hasRoom, isScanComplete } from '../../../lambdas/backfill/scan.ts';
import { emptyEstimate } from '../../../shared/sync/tag-estimate.ts';
import { start } from '../../support/backfill-start.ts';
import { begin } from '../../support/backfill-steps.ts';

/** Most contacts that one request can tag. */
const BATCH = 100;

const newRun = (input: Record<string, unknown> = {}): Promise<Run> => begin(input, start(10).context);
const user = (index: number) => ({ userId: `user${index}` });

const CREATE: UserPlan = {
  kind: 'sync',
  creates: true,
  updates: false,
  changesTags: true,
  requests: 1,
  tags: { remove: [], add: [1, 2] },
};
const PLAIN_UPDATE = { kind: 'sync', creates: false, updates: true, tags: undefined } as const;
const UPDATE: UserPlan = { ...PLAIN_UPDATE, changesTags: false, requests: 1 };
const UPDATE_AND_TAG: UserPlan = { ...PLAIN_UPDATE, changesTags: true, requests: 2 };
const UPDATE_WITH_CONSENT: UserPlan = { ...PLAIN_UPDATE, changesTags: false, requests: 2 };
const TAG: UserPlan = {
  kind: 'sync',
  creates: false,
  updates: false,
  changesTags: true,
  requests: 0,
  tags: { remove: [3], add: [1] },
};
const CREATE_UNTAGGED: UserPlan = { ...CREATE, changesTags: false, tags: { remove: [], add: [] } };
const NO_EMAIL: UserPlan = { kind: 'invalid', reason: 'no-usable-email' };
const NOTHING: UserPlan = { kind: 'nothing' };

describe('a scanned user', () => {
  it.each([
    ['who needs nothing is skipped', NOTHING, { skipped: 1 }, {}],
    ['who cannot be in the CRM is invalid', NO_EMAIL, { invalid: 1 }, { invalid: { 'no-usable-email': 1 } }],
    [
      'without a contact is sent, and tagged later',
      CREATE,
      { enqueued: 1, plannedRequests: 1, maxRequests: 3, ready: ['user0'] },
      { created: 1, tagged: 1 },
    ],
    [
      'without a contact and without tags is sent',
      CREATE_UNTAGGED,
      { enqueued: 1, plannedRequests: 1, maxRequests: 3, ready: ['user0'] },
      { created: 1 },
    ],
    [
      'whose fields change is sent',
      UPDATE,
      { enqueued: 1, plannedRequests: 1, maxRequests: 1, ready: ['user0'] },
      { updated: 1 },
    ],
    [
      'whose fields and tags change is sent, and tagged at once',
      UPDATE_AND_TAG,
      { enqueued: 1, plannedRequests: 2, maxRequests: 2, ready: ['user0'] },
      { updated: 1, tagged: 1 },
    ],
    [
      'whose fields and consent change is sent',
      UPDATE_WITH_CONSENT,
      { enqueued: 1, plannedRequests: 2, maxRequests: 2, ready: ['user0'] },
      { updated: 1 },
    ],
    [
      'of whom only tags change waits for a tag job',
      TAG,
      { enqueued: 1, maxRequests: 2, readyForTags: ['user0'] },
      { tagged: 1 },
    ],
  ])('%s', async (_, plan, counts, findings) => {
    const run = await newRun();
    addScannedUser(run, user(0), plan, BATCH);
    const { tagEstimate: __, ...others } = run;
    expect(others).toMatchObject({
      cursor: 'user0',
      scanned: 1,
      enqueued: 0,
      skipped: 0,
      invalid: 0,
      plannedRequests: 0,
      maxRequests: 0,
      ready: [],
      readyForTags: [],
      ...counts,
    });
    expect(run.findings).toEqual({ created: 0, updated: 0, tagged: 0, invalid: {}, ...findings });
  });

  it('is only counted in a dry run', async () => {
    const run = await newRun({ dryRun: true });
    for (const plan of [CREATE, UPDATE, TAG]) addScannedUser(run, user(0), plan, BATCH);
    expect(run).toMatchObject({ enqueued: 3, ready: [], readyForTags: [] });
  });

  it('is counted with the others who cannot be in the CRM, by reason', async () => {
    const run = await newRun();
    const reasons = ['no-usable-email', 'no-usable-email', 'other'];
    for (const reason of reasons) addScannedUser(run, user(0), { kind: 'invalid', reason }, BATCH);
    expect(run.findings.invalid).toEqual({ 'no-usable-email': 2, other: 1 });
  });

  it('adds the requests of a tag job to the planned ones when the job is full', async () => {
    const run = await newRun({ mode: 'tags' });
    for (let index = 0; index < 1999; index++) addScannedUser(run, user(index), TAG, BATCH);
    expect(run.plannedRequests).toBe(0);
    addScannedUser(run, user(1999), TAG, BATCH);
    // One request for each of two tags and each hundred contacts.
    expect(run).toMatchObject({ plannedRequests: 40, tagEstimate: emptyEstimate() });
    addScannedUser(run, user(2000), TAG, BATCH);
    countTagJob(run, BATCH);
    expect(run).toMatchObject({ plannedRequests: 42, tagEstimate: emptyEstimate() });
  });
});

describe('the scan', () => {
  it.each([
    ['goes on without limits', {}, {}, false],
    ['ends with the table', {}, { scanFinished: true }, true],
    ['goes on below the limit', { limit: 5 }, { enqueued: 4 }, false],
    ['ends at the limit', { limit: 5 }, { enqueued: 5 }, true],
    ['goes on below the request budget', { requestBudget: 5 }, { plannedRequests: 4 }, false],
    ['ends at the request budget', { requestBudget: 5 }, { plannedRequests: 5 }, true],
    [
      'ends at the request budget, which includes tags that wait for a job',
      { requestBudget: 5 },
      { plannedRequests: 3, tagEstimate: { users: 1, bytes: 5, counts: { '+1': 1, '-3': 1 }, alone: 2 } },
      true,
    ],
  ])('%s', async (_, input, state, expected) => {
    expect(isScanComplete({ ...(await newRun(input)), ...state }, BATCH)).toBe(expected);
  });

  it.each([
    [0, 0, 0, true],
    [599, 0, 0, true],
    [600, 0, 0, false],
    [300, 299, 0, true],
    [300, 300, 0, false],
    [299, 0, 0.5, true],
    [300, 0, 0.5, false],
  ])(
    'with %d and %d users who wait to be sent, has a part of %d free: %s',
    async (ready, tags, part, expected) => {
      const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index));
      const run = { ...(await newRun()), ready: ids(ready), readyForTags: ids(tags) };
      expect(hasRoom(run, part)).toBe(expected);
    },
  );

  it.each([
    [29_999, 0, true],
    [30_000, 0, false],
    [14_999, 0.5, true],
    [15_000, 0.5, false],
  ])('with ids of %d characters in all, has a part of %d free: %s', async (length, part, expected) => {
    const run = await newRun();
    const longId = 'x'.repeat(length - 3);
    for (const [ready, readyForTags] of [
      [[longId, 'abc'], []],
      [[longId], ['abc']],
      [[], ['abc', longId]],
    ] as const)
      expect(hasRoom({ ...run, ready: [...ready], readyForTags: [...readyForTags] }, part)).toBe(expected);
  });
});
