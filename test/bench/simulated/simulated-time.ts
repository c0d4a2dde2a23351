import { syncBuiltinESMExports } from 'node:module';
import FakeTimers from '@sinonjs/fake-timers';

const nextTurn = setImmediate;
/** Turns of the event loop between two timers: nothing in a world without sockets needs more to come to rest. */
const TURNS = 3;

/**
 * Takes this process out of time: its clocks stand still while anything can go on, and jump to the next timer when nothing can. So code that
 * waits for hours runs through in as long as it computes. For a process of its own.
 *
 * @param now epoch milliseconds at the beginning.
 * @returns runs work to its end.
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
