import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import { inFlightFor } from '../../shared/quota/pace.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { simulate } from './backfill-definition.ts';
import { type JumpingClock, memoryPorts } from './backfill-memory-ports.ts';
import { CATALOG, fresh, NOON } from './backfill-users.ts';

export const REQUESTS_PER_SECOND = 23.8;
export const OPTIONS = {
  mapping,
  budget: { limits: PRESETS.team, liveReserve: 0.2 },
  requestsPerSecond: REQUESTS_PER_SECOND,
  tagBatch: 100,
  inFlight: inFlightFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 50 }),
  callMs: 20_000,
};

/** Users in memory, and what a backfill of them needs. `at` makes each of them. */
export function start(
  count: number,
  at: (index: number) => User = fresh,
  catalog: Catalog | undefined = CATALOG,
) {
  const clock: JumpingClock = { now: NOON };
  const ports = memoryPorts(
    clock,
    { count, at },
    { requestsPerSecond: REQUESTS_PER_SECOND, budget: OPTIONS.budget, ...(catalog && { catalog }) },
  );
  const context = { ports, options: OPTIONS, executionArn: 'arn:execution:run-1' };
  return { clock, ports, context, run: (input: unknown) => simulate(input, clock, ports, OPTIONS) };
}

/** Users about whose contacts messages were sent. */
export const contacts = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.filter((message) => message.kind === 'user').map(({ userId }) => userId);
/** Users whose tags were sent together. */
export const tagged = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.flatMap((message) => (message.kind === 'tag-users' ? message.userIds : []));

/** Messages in the queue, each time that the run looks at users or sends. */
export function watchQueue(ports: ReturnType<typeof memoryPorts>): readonly number[] {
  const seen: number[] = [];
  const { users, send } = ports;
  ports.users = async (userIds) => {
    const found = await users(userIds);
    seen.push(ports.waiting());
    return found;
  };
  ports.send = async (messages, runId) => {
    await send(messages, runId);
    seen.push(ports.waiting());
  };
  return seen;
}
