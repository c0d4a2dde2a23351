import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import * as z from 'zod';
import { LONGEST_TIMER_SECONDS, waitParameters } from './wait.ts';

/** Validated by the interpreter, not here. */
const unchecked = z.unknown().optional();
const state = {
  Comment: unchecked,
  QueryLanguage: z.literal('JSONPath').optional(),
  InputPath: unchecked,
  OutputPath: unchecked,
  Next: unchecked,
  End: unchecked,
};
const stateSchema = z.discriminatedUnion('Type', [
  z.strictObject({
    ...state,
    Type: z.literal('Task'),
    Resource: z.string().regex(/^arn:[\w-]+:states:::lambda:invoke$/, 'only lambda:invoke is supported'),
    Parameters: z.strictObject({ FunctionName: z.string(), Payload: unchecked, 'Payload.$': unchecked }),
    ResultSelector: unchecked,
    ResultPath: unchecked,
    Retry: unchecked,
    Catch: unchecked,
    TimeoutSeconds: unchecked,
    TimeoutSecondsPath: unchecked,
  }),
  z.strictObject({
    ...state,
    Type: z.literal('Wait'),
    Seconds: unchecked,
    SecondsPath: unchecked,
    Timestamp: unchecked,
    TimestampPath: unchecked,
  }),
  z.strictObject({
    ...state,
    Type: z.literal('Pass'),
    Parameters: unchecked,
    Result: unchecked,
    ResultPath: unchecked,
  }),
  z.strictObject({ ...state, Type: z.literal('Choice'), Choices: unchecked, Default: unchecked }),
  z.strictObject({ ...state, Type: z.literal('Succeed') }),
  z.strictObject({
    ...state,
    Type: z.literal('Fail'),
    Error: unchecked,
    ErrorPath: unchecked,
    Cause: unchecked,
    CausePath: unchecked,
  }),
]);
const definitionSchema = z.strictObject({
  Comment: unchecked,
  QueryLanguage: z.literal('JSONPath').optional(),
  StartAt: z.string(),
  States: z.record(z.string(), stateSchema),
  TimeoutSeconds: unchecked,
  Version: unchecked,
});

/** A definition in the Amazon States Language with supported states and fields only. */
export type Definition = z.output<typeof definitionSchema>;
type State = z.output<typeof stateSchema>;

/**
 * Parses a definition.
 *
 * @throws Error that names the state, when the definition is invalid or uses an unsupported feature.
 */
export function parseDefinition(text: string): Definition {
  const parsed = definitionSchema.safeParse(JSON.parse(text));
  if (!parsed.success)
    throw new Error(`the local cloud cannot run this definition:\n${z.prettifyError(parsed.error)}`);
  new StateMachine(parsed.data as StateMachineDefinition, { validationOptions: { checkArn: false } });
  return parsed.data;
}

/**
 * Creates the interpreter of a definition. `Wait` states become tasks, because the interpreter cannot scale its own waits. Tasks
 * without a timeout have none, as in AWS, instead of the interpreter's 60 seconds.
 */
export function interpreterOf({ States, ...rest }: Definition): StateMachine {
  const states = Object.entries(States).map(([name, each]) => [name, interpreted(each)]);
  const definition = { ...rest, States: Object.fromEntries(states) } as StateMachineDefinition;
  return new StateMachine(definition, { validationOptions: { noValidate: true } });
}

function interpreted(state: State): Record<string, unknown> {
  const timeout = { TimeoutSeconds: LONGEST_TIMER_SECONDS };
  if (state.Type === 'Task') return state.TimeoutSecondsPath ? state : { ...timeout, ...state };
  if (state.Type !== 'Wait') return state;
  const { Seconds, SecondsPath, Timestamp, TimestampPath, ...others } = state;
  const Parameters = waitParameters({ Seconds, SecondsPath, Timestamp, TimestampPath });
  return { ...others, Type: 'Task', Resource: 'wait', Parameters, ...timeout };
}
