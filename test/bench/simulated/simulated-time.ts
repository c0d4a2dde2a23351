import { syncBuiltinESMExports } from 'node:module';
import FakeTimers from '@sinonjs/fake-timers';

const nextTurn = setImmediate;
/** Turns of the event loop between two timers. Without sockets, no pending work needs more. */
const TURNS = 3;

/**
 * Replaces the clocks and timers of this process. Time stands still while code runs and jumps to the next timer when nothing else can run,
 * so code that waits for hours takes only its computing time. Use it in a separate process.
 *
 * @param now start time in epoch milliseconds.
 * @returns a function that runs work to its end.
 */
export function simulatedTime(now: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const clock = FakeTimers.install({
    now,
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
  // Imports of `timers/promises` by name follow.
  syncBuiltinESMExports();
  return async (work) => {
    let running = true;
    const result = work().finally(() => {
      running = false;
    });
    result.catch(() => undefined);
    while (running) {
      for (let turn = 0; turn < TURNS; turn++) await new Promise((done) => nextTurn(done));
      if (running) clock.next();
    }
    return result;
  };
}
