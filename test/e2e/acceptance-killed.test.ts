import { expect, it } from 'vitest';
import { NOTHING_LEFT, startAcceptanceSystem } from '../support/acceptance-system.ts';

it('a run of acceptance that is killed at a random moment and cleaned up leaves nothing behind', async () => {
  const { interruptRun, leftBehind, stop } = await startAcceptanceSystem();
  try {
    const { moment, failure } = await interruptRun('SIGKILL');
    expect({ moment, failure, ...(await leftBehind()) }).toEqual({ moment, failure: '', ...NOTHING_LEFT });
  } finally {
    await stop();
  }
});
