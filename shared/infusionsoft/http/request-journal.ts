import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestRecord } from './paced-fetch.ts';

/** Keeps the requests to the CRM by the work that made them, although many users are worked on side by side. */
export interface RequestJournal {
  /** Runs work with a page of its own. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Writes a request down on the page of the work that makes it. */
  record(request: RequestRecord): void;
  /** The page of the running work: one short line for each request, `PUT /crm/rest/v1/contacts 200 153 ms`. */
  lines(): readonly string[];
}

export function requestJournal(): RequestJournal {
  const pages = new AsyncLocalStorage<string[]>();
  return {
    during: (work) => pages.run([], work),
    record({ method, path, status, durationMs }) {
      pages.getStore()?.push(`${method} ${path} ${status ?? 'no answer'} ${durationMs.toFixed(0)} ms`);
    },
    lines: () => pages.getStore() ?? [],
  };
}
