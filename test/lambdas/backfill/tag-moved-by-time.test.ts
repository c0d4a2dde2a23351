import { expect, it } from 'vitest';
import type { Report, Run } from '../../../lambdas/backfill/run.ts';
import { advanceRun, reportRun, startRun } from '../../../lambdas/backfill/steps.ts';
import { start } from '../../support/backfill-start.ts';
import { NOON } from '../../support/backfill-users.ts';

const USERS = 6000;

it('a run ends, and tags every contact, when time changes the tags of a user during its tag job', async () => {
  const { ports, context, clock } = start(USERS);
  const { users } = ports;
  // The job has set the tags of this user, and then the user would need others.
  ports.users = async (ids) =>
    (await users(ids)).map((user) =>
      user.userId === '50' && user.crm?.tagIds
        ? {
            ...user,
            crm: {
              ...user.crm,
              tagIds: [...new Set([...user.crm.tagIds, 17, 18, 19])],
              syncedAt: new Date(NOON + 3_600_000).toISOString(),
            },
          }
        : user,
    );
  let run = (await startRun({}, context)) as Run;
  while (run.next !== 'report') {
    clock.now += run.waitSeconds * 1000 + 200;
    run = await advanceRun(run, context);
  }
  const result: Report = await reportRun(run, context);
  const rows = await users(Array.from({ length: USERS }, (_, index) => String(index)));
  expect(rows.filter(({ crm }) => crm?.contactId && !crm.tagIds)).toEqual([]);
  expect(result.unfinished.total).toBe(0);
  expect(clock.now - NOON).toBeLessThan(10 * 60_000);
});
