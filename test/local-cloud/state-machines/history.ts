import * as z from 'zod';

/** The most events in the history of an execution; the last is its end (Step Functions developer guide, "Quotas"). */
export const MAX_EVENTS = 25_000;

/** An event of an execution's history; its id is its position, from 1. */
export interface HistoryEvent {
  type: string;
  timestamp: Date;
  /** By name, such as `stateExitedEventDetails`. */
  details: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const logSchema = z.looseObject({
  type: z.string(),
  timestamp: z.number(),
  state: z.looseObject({ name: z.string(), input: z.unknown(), output: z.unknown().optional() }).optional(),
  Error: z.string().optional(),
  Cause: z.unknown().optional(),
});
const TASK = { resourceType: 'lambda', resource: 'invoke' };
const FAILURES: ReadonlySet<string | undefined> = new Set(['TaskFailed', 'TaskTimedOut']);

/**
 * The events that Step Functions would have for an entry of the interpreter's log: a state is entered and exited, and a task
 * is scheduled, started, and succeeds or fails, anew for each retry.
 *
 * @param typeOf kind of a state of the definition.
 * @param previous the event before.
 */
export function historyEvents(
  entry: unknown,
  typeOf: (state: string) => string | undefined,
  previous: HistoryEvent | undefined,
): HistoryEvent[] {
  const { type, timestamp, state, ...failure } = logSchema.parse(entry);
  if (!state) return [];
  const stateType = typeOf(state.name) ?? '';
  const isTask = stateType === 'Task';
  const event = (name: string, details: HistoryEvent['details']): HistoryEvent => ({
    type: name,
    timestamp: new Date(timestamp),
    details,
  });
  const started = () => [
    event('TaskScheduled', { taskScheduledEventDetails: TASK }),
    event('TaskStarted', { taskStartedEventDetails: TASK }),
  ];
  switch (type) {
    case 'StateEntered': {
      const details = { name: state.name, input: JSON.stringify(state.input) };
      const entered = event(`${stateType}StateEntered`, { stateEnteredEventDetails: details });
      return isTask ? [entered, ...started()] : [entered];
    }
    case 'StateRetried':
      return isTask ? started() : [];
    case 'StateFailed': {
      if (!isTask) return [];
      const details = { ...TASK, error: failure.Error, cause: textOf(failure.Cause) };
      return failure.Error === 'States.Timeout'
        ? [event('TaskTimedOut', { taskTimedOutEventDetails: details })]
        : [event('TaskFailed', { taskFailedEventDetails: details })];
    }
    case 'StateExited': {
      const details = { name: state.name, output: JSON.stringify(state.output) };
      const exited = event(`${stateType}StateExited`, { stateExitedEventDetails: details });
      const succeeded = isTask && !FAILURES.has(previous?.type);
      return succeeded ? [event('TaskSucceeded', { taskSucceededEventDetails: TASK }), exited] : [exited];
    }
    default:
      return [];
  }
}

const textOf = (cause: unknown): string => (typeof cause === 'string' ? cause : JSON.stringify(cause));
