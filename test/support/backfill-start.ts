import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import { inFlightFor } from '../../shared/quota/pace.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
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

/**
 * A backfill of users in memory.
 *
 * @param at creates each user.
 * @param dayLimit requests of a day, by the contract.
 */
export function start(
  count: number,
  at: (index: number) => User = fresh,
  catalog: Catalog | undefined = CATALOG,
  dayLimit: number = PRESETS.team.day,
) {
  const budget = { ...OPTIONS.budget, limits: { ...PRESETS.team, day: dayLimit } };
  const options = { ...OPTIONS, budget };
  const clock: JumpingClock = { now: NOON };
  const ports = memoryPorts(
    clock,
    { count, at },
    { requestsPerSecond: REQUESTS_PER_SECOND, budget, ...(catalog && { catalog }) },
  );
  return { clock, ports, context: { ports, options, executionArn: 'arn:execution:run-1' } };
}

/** Users about whom a message of their own was sent. */
export const contacts = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.filter((message) => message.kind === 'user').map(({ userId }) => userId);
/** Users of the tag jobs that were sent. */
export const tagged = ({ sent }: ReturnType<typeof memoryPorts>) =>
  sent.flatMap((message) => (message.kind === 'tag-users' ? message.userIds : []));

/** The length of the queue each time that the run reads users or sends messages. */
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
