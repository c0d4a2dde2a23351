import { setTimeout as sleep } from 'node:timers/promises';
import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import { population } from '../demo/population.ts';
import { dayOfEdits } from '../demo/scenario.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import type { LocalCloud } from '../local-cloud/local-cloud.ts';
import { countingProxy } from './counting-proxy.ts';
import { metricsIn, type Reading, readMeters, usedBetween, workBetween } from './meter.ts';
import type { Counts } from './scenarios.ts';
import type { Usage } from './usage.ts';

export interface MeasureOptions {
  /** Users to measure with: what they use is taken to be the same for more. */
  users: number;
  /** Changes, one at a time. */
  changes: number;
  seed: number;
}

const SETTLE_MS = 15 * 60_000;
const FOLLOW_MS = 500;
/** Longer than the stream's poll and the queue's together. */
const QUIET_MS = 1500;
/** Between two changes: so that most are alone in their batch. */
const CHANGE_EVERY_MS = 700;
const SECRET = 'user-sync/crm';

const templateSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string() })),
});

/**
 * Counts what a backfill, changes, a refresh, a renewal of the tokens and a health check use, on the local cloud at the CRM's real pace and latency.
 *
 * @throws Error when not every user came into the CRM: then the counts are of something else.
 */
export async function measure(options: MeasureOptions, say: (what: string) => void): Promise<Counts> {
  const proxy = countingProxy();
  let running: SimulatedSystem | undefined;
  try {
    say(`Starting the CRM and the local cloud, with ${options.users} users in the table`);
    // One more is the first of all, who brings the catalog: it is read once, however many come after.
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
      do {
        await cloud.untilIdle(SETTLE_MS);
        await sleep(QUIET_MS);
      } while (!(await cloud.idle()));
      return readMeters(system, proxy);
    };
    const sfn = new SFNClient(cloud.sdk('SFN'));
    const backfill = async (mode: 'contacts' | 'refresh') => {
      const started = await startBackfill(sfn, cloud.outputs['BackfillStateMachineArn'] ?? '', { mode });
      return (await followBackfill(sfn, started, FOLLOW_MS, () => {})).report;
    };
    if (first) await app.signUp(first);
    const atFirst = await settled();

    say('A backfill');
    await backfill('contacts');
    const afterBackfill = await settled();
    const missing = (await app.users()).filter(({ crm }) => !crm?.contactId);
    if (missing.length > 0) throw new Error(`${missing.length} users did not come into the CRM`);

    say(`${options.changes} changes, one at a time`);
    const edits = dayOfEdits(others, options.seed).slice(0, options.changes);
    for (const { userId, changes } of edits) {
      await app.edit(userId, changes);
      await sleep(CHANGE_EVERY_MS);
    }
    const afterChanges = await settled();

    say('A refresh in which nobody has changed, a renewal of the tokens, and a health check');
    const refreshed = await backfill('refresh');
    const afterRefresh = await settled();
    await cloud.rotate(SECRET);
    const afterRotation = await settled();

    await cloud.invoke(nameOf(cloud, 'CheckHealth'), {});
    const afterHealthCheck = await settled();

    return {
      measuredOn: new Date().toISOString().slice(0, 10),
      backfill: { users: others.length, ...workBetween(atFirst, afterBackfill) },
      changes: { changes: edits.length, ...workBetween(afterBackfill, afterChanges) },
      refresh: { users: refreshed.scanned, usage: usedBetween(afterChanges.usage, afterRefresh.usage) },
      rotation: usedBetween(afterRefresh.usage, afterRotation.usage),
      healthCheck: usedBetween(afterRotation.usage, afterHealthCheck.usage),
      standing: standingOf(templateSchema.parse(system.template()).Resources, metricsIn(system.logs).size),
    };
  } finally {
    await running?.stop();
    proxy.stop();
  }
}

function nameOf(cloud: LocalCloud, part: string): string {
  const name = Object.keys(cloud.statistics().functions).find((each) => each.includes(part));
  if (name === undefined) throw new Error(`There is no function ${part}`);
  return name;
}

/** What is billed by the month, of the template and of the metrics that were written. */
function standingOf(resources: Readonly<Record<string, { Type: string }>>, metricMonths: number): Usage {
  const count = (type: string) => Object.values(resources).filter(({ Type }) => Type === type).length;
  return {
    metricMonths,
    alarmMonths: count('AWS::CloudWatch::Alarm'),
    dashboardMonths: count('AWS::CloudWatch::Dashboard'),
    secretMonths: count('AWS::SecretsManager::Secret'),
    keyMonths: count('AWS::KMS::Key'),
  };
}
