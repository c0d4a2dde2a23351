/**
 * Runs a backfill of argv[2] users and sends the largest growth of the heap, in bytes. A separate process, started with `--expose-gc`.
 */
import { PRESETS } from '../../../shared/quota/limits.ts';
import { population } from '../../demo/population.ts';
import { simulate } from '../../support/backfill-definition.ts';
import { type JumpingClock, memoryPorts } from '../../support/backfill-memory-ports.ts';
import { mapping } from '../users/five-tags.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const BUDGET = { limits: PRESETS.team, liveReserve: 0.2 };
const REQUESTS_PER_SECOND = PRESETS.team.second;
/** Users are created when they are read, from these templates, so that they take no memory. */
const TEMPLATES = population(1000, 1, NOON).users;

const count = Number(process.argv[2]);
const clock: JumpingClock = { now: NOON };
const at = (index: number) => ({
  ...(TEMPLATES[index % TEMPLATES.length] ?? { email: '' }),
  userId: String(index),
  email: `user${index}@example.com`,
});
const ports = memoryPorts(
  clock,
  { count, at },
  { requestsPerSecond: REQUESTS_PER_SECOND, budget: BUDGET, mapping },
);
const { send, countUsers } = ports;
const usedBytes = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
let before = 0;
let growth = 0;
// Called once, before the first page.
ports.countUsers = async () => {
  before = usedBytes();
  return countUsers();
};
ports.send = async (messages, runId) => {
  growth = Math.max(growth, usedBytes() - before);
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
process.send?.({ bytes: growth });
process.disconnect?.();
