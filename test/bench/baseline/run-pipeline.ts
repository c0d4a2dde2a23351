import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../../../shared/user/user.ts';
import { simulatorClient } from '../../demo/simulator-client.ts';
import { spawnSimulator } from '../../demo/spawn-simulator.ts';
import { type Cost, measureCost } from '../measure/cost.ts';
import { mapping } from '../users/five-tags.ts';
import {
  type Costs,
  contactsOf,
  EDIT_AFTER_MS,
  EVERY_MS,
  editAfterSignUp,
  inRefresh,
  type ScenarioUsers,
  withAnotherTag,
  withoutVisibleChange,
} from '../users/scenarios.ts';
import { plainCrm } from './plain-crm.ts';
import { type ChangeEvent, plainPipeline } from './plain-pipeline.ts';

/** The default of SQS. */
const VISIBILITY_MS = 30_000;
/** How long a burst is measured, in milliseconds. */
const BURST_MS = 60_000;
const TIMEOUT_MS = 240_000;

/** Gives the plain pipeline all users at once, and measures the first minute. */
export async function runPipelineBurst(environments: number, users: readonly User[]): Promise<Cost> {
  return withPipeline(environments, ({ pipeline, crm }) =>
    measureCost(crm, async () => {
      for (const after of users) pipeline.send({ after });
      await pipeline.untilDrained(BURST_MS);
      return pipeline.done;
    }),
  );
}

/** Gives the plain pipeline one event at a time. */
export async function runPipelineLive(
  environments: number,
  { known, signUps, changing }: ScenarioUsers,
): Promise<Costs> {
  return withPipeline(environments, async ({ pipeline, crm }) => {
    const send = (events: readonly ChangeEvent[]) =>
      measureCost(crm, async () => {
        for (const event of events) {
          pipeline.send(event);
          await sleep(EVERY_MS);
        }
        await pipeline.untilDrained(TIMEOUT_MS);
        return events.length;
      });
    const sendChanges = (change: (user: User, index: number) => User) =>
      send(changing.map((before, index) => ({ before, after: change(before, index) })));
    const costs: Costs = { new: await send(changing.map((after) => ({ after }))) };
    await crm.addContacts(contactsOf(known));
    costs.known = await send(known.map((after) => ({ after })));
    costs.signUp = await measureCost(crm, async () => {
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
      await pipeline.untilDrained(TIMEOUT_MS);
      return signUps.length;
    });
    costs.tagChange = await sendChanges(withAnotherTag);
    costs.noChange = await sendChanges(withoutVisibleChange);
    costs.refresh = await sendChanges(inRefresh);
    return costs;
  });
}

async function withPipeline<Result>(
  environments: number,
  work: (parts: {
    pipeline: ReturnType<typeof plainPipeline>;
    crm: ReturnType<typeof simulatorClient>;
  }) => Promise<Result>,
): Promise<Result> {
  const simulator = await spawnSimulator([]);
  try {
    const crm = await plainCrm(simulator.url, mapping);
    const pipeline = plainPipeline({ crm, environments, visibilityMs: VISIBILITY_MS });
    try {
      return await work({ pipeline, crm: simulatorClient(simulator.url) });
    } finally {
      await pipeline.stop();
    }
  } finally {
    await simulator.stop();
  }
}
