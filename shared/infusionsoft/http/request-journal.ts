import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestRecord } from './paced-fetch.ts';

/** Records the requests to the CRM for each unit of work, although many users are processed in parallel. */
export interface RequestJournal {
  /** Runs work with a journal of its own. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Records a request in the journal of the current work. */
  record(request: RequestRecord): void;
  /** The requests of the current work, one line each: `PUT /crm/rest/v1/contacts 200 153 ms`. */
  lines(): readonly string[];
}

export function requestJournal(): RequestJournal {
  const journals = new AsyncLocalStorage<string[]>();
  return {
    during: (work) => journals.run([], work),
    record({ method, path, status, durationMs }) {
      journals.getStore()?.push(`${method} ${path} ${status ?? 'no answer'} ${durationMs.toFixed(0)} ms`);
    },
    lines: () => journals.getStore() ?? [],
  };
}
