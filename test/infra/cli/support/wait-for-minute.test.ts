import { describe, expect, it } from 'vitest';
import { waitingForMinute } from '../../../../infra/cli/support/wait-for-minute.ts';
import { PausedError } from '../../../../shared/infusionsoft/http/request-gate.ts';

const OK = () => Response.json({});
const tooMany = (body: object) => () => Response.json(body, { status: 429 });
const paused = (reason: PausedError['reason']) => () => {
  throw new PausedError(reason, 'paused', 40_000);
};

/** Requests that get these results, one after the other. */
async function request(...results: (() => Response)[]) {
  const waits: number[] = [];
  let looks = 0;
  const fetch = waitingForMinute(
    async () => (results.shift() ?? OK)(),
    async () => looks++,
    async (ms) => waits.push(ms),
  );
  const { status } = await fetch('http://crm.local');
  return { status, waits, looks };
}

describe('a command that exceeds the limit of the minute', () => {
  it('waits for the end of the minute, looks again, and goes on', async () => {
    const exceeded = tooMany({ message: 'Quota Exceeded' });
    expect(await request(exceeded, paused('minute'), OK)).toEqual({ status: 200, waits: [40_001], looks: 1 });
  });

  it('does not wait for the limit of the second, which the client retries', async () => {
    const exceeded = tooMany({ fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } });
    expect(await request(exceeded)).toEqual({ status: 429, waits: [], looks: 0 });
  });

  it.each(['day', 'month', 'operator', 'backfill'] as const)('ends in a pause for the %s', async (reason) => {
    await expect(request(paused(reason))).rejects.toThrow(PausedError);
  });
});
