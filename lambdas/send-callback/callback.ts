import { Webhook } from 'standardwebhooks';
import { CALLBACK_RETRY } from '../../shared/quota/retry-policy.ts';

/** Sends events to the callback of the app. */
export interface Callback {
  /**
   * @param id of the event: the same at each attempt.
   * @param body the event as JSON.
   * @throws CallbackError unless the callback accepted it (2xx).
   */
  send(id: string, body: string): Promise<void>;
}

/** The callback did not accept an event. The message contains no data of the event or of the response body. */
export class CallbackError extends Error {
  override name = 'CallbackError';
}

export interface CallbackOptions {
  url: string;
  /** The signing secret: base64, with or without `whsec_`. */
  secret: () => Promise<string>;
  /** Epoch milliseconds. */
  now: () => number;
  fetch?: typeof fetch;
}

/** A callback whose requests are signed by Standard Webhooks (https://www.standardwebhooks.com, specification 1.0). */
export function signedCallback({ url, secret, now, fetch = globalThis.fetch }: CallbackOptions): Callback {
  return {
    async send(id, body) {
      const sentAt = new Date(now());
      const signature = new Webhook(await secret()).sign(id, sentAt, body);
      const headers = {
        'content-type': 'application/cloudevents+json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': signature,
      };
      const signal = AbortSignal.timeout(CALLBACK_RETRY.timeoutMs);
      let status: number;
      try {
        const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
        status = answer.status;
        await answer.body?.cancel();
      } catch (error) {
        throw new CallbackError(`No response (${error instanceof Error ? error.name : typeof error})`, {
          cause: error,
        });
      }
      if (status < 200 || status >= 300) throw new CallbackError(`Responded with status ${status}`);
    },
  };
}
