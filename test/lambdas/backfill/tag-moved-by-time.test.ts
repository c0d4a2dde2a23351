import { expect, it } from 'vitest';
import type { Report, Run } from '../../../lambdas/backfill/run.ts';
import { feedSome, plan, report } from '../../../lambdas/backfill/steps.ts';
import { start } from '../../support/backfill-start.ts';
import { NOON } from '../../support/backfill-users.ts';

const USERS = 6000;

it('a tag that time moves during a tag job holds up no run, and leaves no contact without its tags', async () => {
  const { ports, context, clock } = start(USERS);
  const { users } = ports;
  // The job has set the tags of this user, and then another one would be right.
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
  let run = (await plan({}, context)) as Run;
  while (run.next !== 'report') {
    clock.now += run.waitSeconds * 1000 + 200;
    run = await feedSome(run, context);
  }
  const result: Report = await report(run, context);
  const rows = await users(Array.from({ length: USERS }, (_, index) => String(index)));
  expect(rows.filter(({ crm }) => crm?.contactId && !crm.tagIds)).toEqual([]);
  expect(result.left.total).toBe(0);
  expect(clock.now - NOON).toBeLessThan(10 * 60_000);
});
