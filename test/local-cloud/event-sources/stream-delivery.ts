import { ThrottledError } from '../lambda/invocation-error.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import { failedItems } from './batch-item-failures.ts';
import type { EventSourceStatistics } from './event-source.ts';
import type { DiscardReason, FailureDestination } from './failure-destination.ts';
import { interruptibleSleep } from './interruptible-sleep.ts';
import type { StreamRecord } from './stream-record.ts';

export interface DeliverySettings {
  target: Pick<LambdaFunction, 'invoke' | 'arn'>;
  reportBatchItemFailures: boolean;
  bisectBatchOnFunctionError: boolean;
  /** -1 is without end. */
  maximumRetryAttempts: number;
  /** -1 is without end. */
  maximumRecordAgeSeconds: number;
  onFailure: FailureDestination | undefined;
  statistics: EventSourceStatistics;
  signal: AbortSignal;
}

type Outcome = 'done' | 'throttled' | { firstFailed: number; functionError: boolean };

/** Lambda does not say how long it waits between retries; these are short, so that runs are. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 2000;

/**
 * Invokes the function with a batch until it is done or given up, as Lambda does: from the lowest failed record on, in
 * halves after an error of the function (which costs no attempt), and throttled for as long as the records' age allows.
 *
 * @param invocations that some of these records were in already.
 * @param attempts that these records have used up.
 * @throws the reason of the signal when it is aborted.
 */
export async function deliver(
  settings: DeliverySettings,
  shardId: string,
  batch: readonly StreamRecord[],
  { invocations = 0, attempts = 0 } = {},
): Promise<void> {
  const { target, statistics, signal } = settings;
  let rest = batch;
  const counts = { invocations, attempts };
  const discard = async (records: readonly StreamRecord[], reason: DiscardReason, functionError: boolean) => {
    statistics.discarded += records.length;
    const given = { records, reason, shardId, functionArn: target.arn, functionError };
    await settings.onFailure?.({ ...given, invocations: counts.invocations });
  };
  for (let round = 0; ; round++) {
    signal.throwIfAborted();
    const expired = rest.filter((record) => isExpired(record, settings.maximumRecordAgeSeconds));
    if (expired.length > 0) await discard(expired, 'RecordAgeExpired', false);
    rest = rest.slice(expired.length);
    if (rest.length === 0) return;

    const outcome = await invoke(settings, rest);
    if (outcome === 'done') return;
    if (outcome !== 'throttled') {
      const { firstFailed, functionError } = outcome;
      counts.invocations++;
      rest = rest.slice(firstFailed);
      statistics.failures += rest.length;
      if (functionError && settings.bisectBatchOnFunctionError && rest.length > 1) {
        const middle = Math.ceil(rest.length / 2);
        await deliver(settings, shardId, rest.slice(0, middle), counts);
        return deliver(settings, shardId, rest.slice(middle), counts);
      }
      counts.attempts++;
      const { maximumRetryAttempts } = settings;
      if (maximumRetryAttempts >= 0 && counts.attempts > maximumRetryAttempts)
        return discard(rest, 'RetryAttemptsExhausted', functionError);
    }
    await interruptibleSleep(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** round), signal);
  }
}

async function invoke(settings: DeliverySettings, Records: readonly StreamRecord[]): Promise<Outcome> {
  const { target, statistics, reportBatchItemFailures } = settings;
  const ids = Records.map(({ dynamodb }) => dynamodb.SequenceNumber);
  try {
    const response = await target.invoke({ Records });
    count();
    const failed = reportBatchItemFailures ? failedItems(response, ids) : new Set<string>();
    const firstFailed = ids.findIndex((id) => failed.has(id));
    return firstFailed < 0 ? 'done' : { firstFailed, functionError: false };
  } catch (error) {
    if (error instanceof ThrottledError) return 'throttled';
    count();
    return { firstFailed: 0, functionError: true };
  }

  function count() {
    statistics.batches++;
    statistics.records += Records.length;
  }
}

function isExpired({ dynamodb }: StreamRecord, maximumAgeSeconds: number): boolean {
  return (
    maximumAgeSeconds >= 0 && Date.now() / 1000 - dynamodb.ApproximateCreationDateTime > maximumAgeSeconds
  );
}
