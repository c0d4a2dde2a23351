import { AsyncLocalStorage } from 'node:async_hooks';
import { isAboutContacts } from '../endpoints.ts';
import type { RequestRecord } from './paced-fetch.ts';

/** Records the requests to the CRM for each unit of work, although many users are processed in parallel. */
export interface RequestJournal {
  /**
   * Runs work with a journal of its own.
   * @param user that the work is about; by default the user of the enclosing work.
   */
  during<Result>(work: () => Promise<Result>, user?: string): Promise<Result>;
  /** The user that the current work is about. */
  user(): string | undefined;
  /** Records a request in the journal of the current work. */
  record(request: RequestRecord): void;
  /** The requests of the current work, one line each: `PUT /crm/rest/v1/contacts 200 153 ms`. */
  lines(): readonly string[];
  /** Whether the CRM has accepted a change of a contact in the current work. */
  hasWritten(): boolean;
}

interface Journal {
  user: string | undefined;
  lines: string[];
  hasWritten: boolean;
}

export function requestJournal(): RequestJournal {
  const journals = new AsyncLocalStorage<Journal>();
  const user = () => journals.getStore()?.user;
  return {
    during: (work, about = user()) => journals.run({ user: about, lines: [], hasWritten: false }, work),
    user,
    record({ method, path, status, durationMs }) {
      const journal = journals.getStore();
      if (!journal) return;
      journal.lines.push(`${method} ${path} ${status ?? 'no answer'} ${durationMs.toFixed(0)} ms`);
      if (status !== undefined && status < 300 && method !== 'GET' && isAboutContacts(method, path))
        journal.hasWritten = true;
    },
    lines: () => journals.getStore()?.lines ?? [],
    hasWritten: () => journals.getStore()?.hasWritten ?? false,
  };
}
