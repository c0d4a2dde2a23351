/** A process of its own with `--expose-gc`: feeds so many users, and tells how much more memory the feeder holds at most while it does, in bytes. */
import { PRESETS } from '../../../shared/quota/limits.ts';
import { population } from '../../demo/population.ts';
import { simulate } from '../../support/backfill-definition.ts';
import { type JumpingClock, memoryPorts } from '../../support/backfill-memory-ports.ts';
import { mapping } from '../users/five-tags.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const BUDGET = { limits: PRESETS.team, liveReserve: 0.2 };
const REQUESTS_PER_SECOND = PRESETS.team.second;
/** Users are made as they are read, from these: their memory is not the feeder's. */
const KINDS = population(1000, 1, NOON).users;

const count = Number(process.argv[2]);
const clock: JumpingClock = { now: NOON };
const at = (index: number) => ({
  ...(KINDS[index % KINDS.length] ?? { email: '' }),
  userId: String(index),
  email: `user${index}@example.com`,
});
const ports = memoryPorts(
  clock,
  { count, at },
  { requestsPerSecond: REQUESTS_PER_SECOND, budget: BUDGET, mapping },
);
const { send, countUsers } = ports;
const used = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
let before = 0;
let most = 0;
// Asked for once, before the first page.
ports.countUsers = async () => {
  before = used();
  return countUsers();
};
ports.send = async (messages, runId) => {
  most = Math.max(most, used() - before);
  await send(messages, runId);
  ports.sent.length = 0;
};
await simulate({}, clock, ports, {
  mapping,
  budget: BUDGET,
  requestsPerSecond: REQUESTS_PER_SECOND,
  tagBatch: 100,
  inFlight: 45,
  callMs: 20_000,
});
process.send?.({ bytes: most });
process.disconnect?.();
