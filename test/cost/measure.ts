import { setTimeout as sleep } from 'node:timers/promises';
import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import { population } from '../demo/population.ts';
import { dayOfEdits } from '../demo/scenario.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { countingProxy } from './counting-proxy.ts';
import { measurePolls, type PollOptions } from './measure-polls.ts';
import { metricsIn, type Reading, readMeters, usedBetween, workBetween } from './meter.ts';
import { nameOf } from './name-of.ts';
import { type Counts, monthlyUsageOf } from './scenarios.ts';

export interface MeasureOptions {
  /** Users of the measurement. More users are assumed to use proportionally more. */
  users: number;
  /** Changes, made one at a time. */
  changes: number;
  seed: number;
  polls: PollOptions;
}

const SETTLE_MS = 15 * 60_000;
const FOLLOW_MS = 500;
/** Delay between changes, so that most are alone in their batch. */
const CHANGE_EVERY_MS = 700;
const SECRET = 'user-sync/crm';

/**
 * Counts the usage of a backfill, changes, a refresh, a rotation of the tokens and a health check, on the local cloud with the CRM's real
 * limits and latency. Then counts the usage of polls, on a second local cloud.
 *
 * @throws Error when a user has no contact after the backfill, because the counts are meaningless then.
 */
export async function measure(options: MeasureOptions, say: (what: string) => void): Promise<Counts> {
  const proxy = countingProxy();
  let running: SimulatedSystem | undefined;
  try {
    say(`Start the CRM and the local cloud, with ${options.users} users in the table`);
    // One more user signs up before the measurement, so that the catalog has been read when it begins.
    const { users } = population(options.users + 1, options.seed, Date.now());
    const [first, ...others] = users;
    running = await startSimulatedSystem({
      simulator: ['--seed', String(options.seed)],
      settings: {},
      oauth: true,
      cloud: { functionEnvironment: proxy.between },
      existingUsers: others.map((user) => marshall(user, { removeUndefinedValues: true })),
    });
    const { system } = running;
    const { cloud, app } = system;
    const settled = async (): Promise<Reading> => {
      await cloud.untilIdle(SETTLE_MS);
      return readMeters(system, proxy);
    };
    const sfn = new SFNClient(cloud.sdk('SFN'));
    const backfill = async (mode: 'contacts' | 'refresh') => {
      const started = await startBackfill(sfn, cloud.outputs['BackfillStateMachineArn'] ?? '', { mode });
      return (await followBackfill(sfn, started, FOLLOW_MS, () => {})).report;
    };
    if (first) await app.signUp(first);
    const atFirst = await settled();

    say('Backfill');
    await backfill('contacts');
    const afterBackfill = await settled();
    const missing = (await app.users()).filter(({ crm }) => !crm?.contactId);
    if (missing.length > 0) throw new Error(`${missing.length} users have no contact`);

    say(`${options.changes} changes, one at a time`);
    const edits = dayOfEdits(others, options.seed).slice(0, options.changes);
    for (const { userId, changes } of edits) {
      await app.edit(userId, changes);
      await sleep(CHANGE_EVERY_MS);
    }
    const afterChanges = await settled();

    say('A refresh without changes, a rotation of the tokens, and a health check');
    const refreshed = await backfill('refresh');
    const afterRefresh = await settled();
    await cloud.rotate(SECRET);
    const afterRotation = await settled();

    await cloud.invoke(nameOf(cloud, 'CheckHealth'), {});
    const afterHealthCheck = await settled();
    const { Resources } = await system.template();
    const metrics = metricsIn(system.logs);
    const monthly = monthlyUsageOf(Resources, metrics.size);
    await running.stop();
    running = undefined;

    say('Polls of the CRM');
    const polls = await measurePolls(options.polls, { monthly, metrics });

    return {
      measuredOn: new Date().toISOString().slice(0, 10),
      backfill: { users: others.length, ...workBetween(atFirst, afterBackfill) },
      changes: { changes: edits.length, ...workBetween(afterBackfill, afterChanges) },
      refresh: { users: refreshed.scanned, usage: usedBetween(afterChanges.usage, afterRefresh.usage) },
      rotation: usedBetween(afterRefresh.usage, afterRotation.usage),
      healthCheck: usedBetween(afterRotation.usage, afterHealthCheck.usage),
      polls,
      monthly,
    };
  } finally {
    await running?.stop();
    await proxy.stop();
  }
}
