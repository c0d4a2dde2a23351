import { afterEach, describe, expect, it } from 'vitest';
import { email, start, stopAll, upsert } from '../../support/simulator-under-test.ts';
import { type FaultKind, faultPlanSchema } from '../traffic/faults.ts';

afterEach(stopAll);

const BODIES: [FaultKind, number, string][] = [
  ['server-error', 500, 'java.lang'],
  ['unavailable', 503, 'upstream'],
  ['html', 502, '<html>'],
  ['truncated', 200, '{"id"'],
  ['empty', 500, ''],
  ['spike', 429, 'SpikeArrestViolation'],
  ['quota', 429, 'Quota Exceeded'],
  ['unauthorized', 401, 'invalid_access_token'],
];

describe('a fault', () => {
  it.each(BODIES)('%s answers %i without an effect', async (kind, status, body) => {
    const { api, contacts } = await start({ faults: { rate: 1, kinds: [kind], afterEffect: 0 } });
    const answer = await upsert(api, email('ann@example.com'));
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(body);
    expect(await contacts()).toEqual([]);
  });

  it.each(['hang', 'reset'] as const)('%s breaks the connection, possibly after the effect', async (kind) => {
    const { api, contacts } = await start({
      faults: { rate: 1, kinds: [kind], afterEffect: 1, hangMs: 1 },
    });
    await expect(upsert(api, email('ann@example.com'))).rejects.toThrow();
    expect(await contacts()).toHaveLength(1);
  });

  it('slow delays the correct response', async () => {
    const { api, stats } = await start({ faults: { rate: 1, kinds: ['slow'], slowMs: 60 } });
    const began = performance.now();
    expect((await upsert(api, email('ann@example.com'))).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(50);
    expect(await stats()).toMatchObject({ faults: 1, requests: { 'PUT /contacts': 1 } });
  });

  it('comes from a validated plan', () => {
    expect(faultPlanSchema.parse({}).rate).toBe(0);
    expect(() => faultPlanSchema.parse({ kinds: ['earthquake'] })).toThrow();
  });
});
