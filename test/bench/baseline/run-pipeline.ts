import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimiter } from 'limiter';
import type { User } from '../../../shared/user/user.ts';
import { simulatorClient } from '../../demo/simulator-client.ts';
import { spawnSimulator } from '../../demo/spawn-simulator.ts';
import { threeScripts } from '../baselines/three-scripts.ts';
import { type Cost, costOf, LIMIT } from '../measure/cost.ts';
import { mapping } from '../users/five-tags.ts';
import {
  type Cast,
  type Costs,
  contactsOf,
  EDIT_AFTER_MS,
  EVERY_MS,
  editAfterSignUp,
  inRefresh,
  withAnotherTag,
  withNoDifference,
} from '../users/scenarios.ts';
import { plainCrm } from './plain-crm.ts';
import { type ChangeEvent, plainPipeline } from './plain-pipeline.ts';

/** Lambda's and SQS's default, which a plain pipeline leaves. */
const VISIBILITY_MS = 30_000;
/** How long a pipeline that is given all users at once is watched, in milliseconds. */
const WATCHED_MS = 60_000;
const PATIENCE_MS = 240_000;

/** The three scripts against a simulator of their own, at the pace of the package that their author found. */
export async function runScripts({ fresh, known, changing }: Cast): Promise<Costs> {
  const simulator = await spawnSimulator([]);
  try {
    const door = simulatorClient(simulator.url);
    const limiter = new RateLimiter({ tokensPerInterval: LIMIT, interval: 'second' });
    const crm = await plainCrm(simulator.url, mapping, () => limiter.removeTokens(1));
    const scripts = threeScripts(crm);
    const bringIn = (users: readonly User[]) =>
      costOf(door, async () => {
        await scripts.contacts(users);
        await scripts.tags(users);
        return users.length;
      });
    const refresh = (change: (user: User, index: number) => User) =>
      costOf(door, async () => {
        await scripts.refresh(changing.map((before, index) => ({ before, after: change(before, index) })));
        return changing.length;
      });
    const costs: Costs = { new: await bringIn([...fresh, ...changing]) };
    await door.addContacts(contactsOf(known));
    costs.known = await bringIn(known);
    costs.swap = await refresh(withAnotherTag);
    costs.noOp = await refresh(withNoDifference);
    costs.refresh = await refresh(inRefresh);
    return costs;
  } finally {
    await simulator.stop();
  }
}

/** The plain pipeline, given all users at once, against a simulator of its own: what it comes to within a minute. */
export async function runPipelineBurst(environments: number, users: readonly User[]): Promise<Cost> {
  return withPipeline(environments, ({ pipeline, door }) =>
    costOf(door, async () => {
      for (const after of users) pipeline.send({ after });
      await pipeline.untilDrained(WATCHED_MS);
      return pipeline.done;
    }),
  );
}

/** The plain pipeline with one event after another, as they come in life. */
export async function runPipelineLive(
  environments: number,
  { known, signUps, changing }: Cast,
): Promise<Costs> {
  return withPipeline(environments, async ({ pipeline, door }) => {
    const live = (events: readonly ChangeEvent[]) =>
      costOf(door, async () => {
        for (const event of events) {
          pipeline.send(event);
          await sleep(EVERY_MS);
        }
        await pipeline.untilDrained(PATIENCE_MS);
        return events.length;
      });
    const changes = (change: (user: User, index: number) => User) =>
      live(changing.map((before, index) => ({ before, after: change(before, index) })));
    const costs: Costs = { new: await live(changing.map((after) => ({ after }))) };
    await door.addContacts(contactsOf(known));
    costs.known = await live(known.map((after) => ({ after })));
    costs.signedUp = await costOf(door, async () => {
      await Promise.all(
        signUps.map(async (user, index) => {
          await sleep(index * EVERY_MS);
          pipeline.send({ after: user });
          const edit = editAfterSignUp(index);
          if (!edit) return;
          await sleep(EDIT_AFTER_MS);
          pipeline.send({ before: user, after: { ...user, ...edit } });
        }),
      );
      await pipeline.untilDrained(PATIENCE_MS);
      return signUps.length;
    });
    costs.swap = await changes(withAnotherTag);
    costs.noOp = await changes(withNoDifference);
    costs.refresh = await changes(inRefresh);
    return costs;
  });
}

async function withPipeline<Result>(
  environments: number,
  work: (parts: {
    pipeline: ReturnType<typeof plainPipeline>;
    door: ReturnType<typeof simulatorClient>;
  }) => Promise<Result>,
): Promise<Result> {
  const simulator = await spawnSimulator([]);
  try {
    const crm = await plainCrm(simulator.url, mapping);
    const pipeline = plainPipeline({ crm, environments, visibilityMs: VISIBILITY_MS });
    try {
      return await work({ pipeline, door: simulatorClient(simulator.url) });
    } finally {
      await pipeline.stop();
    }
  } finally {
    await simulator.stop();
  }
}
