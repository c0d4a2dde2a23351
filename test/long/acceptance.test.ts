import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AcceptanceSystem, NOTHING_LEFT, startAcceptanceSystem } from '../support/acceptance-system.ts';

let acceptance: AcceptanceSystem;
beforeAll(async () => {
  acceptance = await startAcceptanceSystem();
}, 180_000);
afterAll(() => acceptance?.stop(), 180_000);

it.each(['SIGINT', 'SIGTERM', 'SIGKILL', 'SIGKILL'] as const)(
  'the acceptance command leaves nothing behind when %s interrupts it at a random moment',
  async (signal) => {
    const { moment, failure } = await acceptance.interruptRun(signal);
    expect({ moment, failure, ...(await acceptance.leftBehind()) }).toEqual({
      moment,
      failure: '',
      ...NOTHING_LEFT,
    });
  },
  180_000,
);
