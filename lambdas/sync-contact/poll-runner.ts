import type { Logger } from '@aws-lambda-powertools/logger';
import type { PolledName } from '../../shared/events/event-types.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { accountNames } from '../../shared/polls/account-names.ts';
import type { EventPublisher } from '../../shared/polls/event-publisher.ts';
import { ownItems } from '../../shared/polls/own-items.ts';
import { polledResource } from '../../shared/polls/polled-resource.ts';
import { type RunPollDependencies, runPoll } from '../../shared/polls/run-poll.ts';
import { POLL_TIME } from '../../shared/quota/retry-policy.ts';
import type { EventStore } from '../../shared/store/event-store.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import type { PollMessage } from '../../shared/sync/message.ts';

export interface EventPorts {
  store: EventStore;
  publisher: EventPublisher;
  /** `/user-sync/<name of the stack>`. */
  source: string;
  /** Sends the message that continues a poll. */
  continuePoll: (message: PollMessage) => Promise<void>;
  /** Resources that are polled besides contacts and tags. */
  resources: readonly PolledName[];
  /** The first poll reads changes since this time, in epoch milliseconds. Undefined: since the time when it runs. */
  startAt?: number | undefined;
}

interface PollRunnerPorts
  extends Pick<
    RunPollDependencies,
    'users' | 'claimStore' | 'erasureRecords' | 'mapping' | 'invocation' | 'now'
  > {
  client: InfusionsoftClient;
  catalog: CatalogSource;
  table: SyncTable;
  logger: Logger;
}

/** Wires the part of the consumer that polls the CRM. */
export function pollRunner(
  { store, publisher, source, resources, startAt }: EventPorts,
  { catalog, table, logger, ...ports }: PollRunnerPorts,
): (message: PollMessage) => Promise<boolean> {
  const { client, invocation, now } = ports;
  const names = accountNames(client, now);
  const dependencies: Omit<RunPollDependencies, 'hasTime'> = {
    ...ports,
    store,
    publisher,
    source,
    catalogSource: catalog,
    names,
    resources: resources.map(polledResource),
    isOwnItem: ownItems(table, ports.mapping),
    onUnreadable: (resource, error) =>
      logger.warn('Resource not read', { resource, error: error.name, problem: error.message }),
    startAt,
  };
  return (message) => {
    let until: number | undefined;
    const hasTime = () => {
      // Begins before the first page: what pages are compared with may take longer to read than a slice, and each part needs a page.
      until ??= Math.min(now() + POLL_TIME.sliceMs, invocation().endsAt - POLL_TIME.pageMs);
      return now() < until;
    };
    return runPoll(message, { ...dependencies, hasTime });
  };
}
