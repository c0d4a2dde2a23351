import { setTimeout } from 'node:timers/promises';
import { exceededLimit } from '../../../shared/infusionsoft/http/failures.ts';
import { PausedError } from '../../../shared/infusionsoft/http/request-gate.ts';

/**
 * A `fetch` that waits while the limit of the minute is exceeded. Longer pauses end the command.
 *
 * @param fetch a paced `fetch`, which pauses after a response that reports the limit of the minute.
 * @param checkPause reads whether requests are still paused.
 */
export function waitingForMinute(
  fetch: typeof globalThis.fetch,
  checkPause: () => Promise<unknown>,
  sleep: (ms: number) => Promise<unknown> = setTimeout,
): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    for (;;) {
      try {
        const answer = await fetch(request.clone());
        // The next attempt fails with the error of the pause.
        if (answer.status === 429 && exceededLimit(await answer.clone().text()) === 'minute') continue;
        return answer;
      } catch (error) {
        if (!(error instanceof PausedError) || error.reason !== 'minute') throw error;
        await sleep((error.afterMs ?? 0) + 1);
        await checkPause();
      }
    }
  };
}
