import { setTimeout as sleep } from 'node:timers/promises';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { StateMachine } from 'aws-local-stepfunctions';
import * as z from 'zod';
import { parseConfig } from '../../infra/config.ts';
import { UserSyncStack } from '../../infra/user-sync-stack.ts';
import type { Report, Run, SkippedRun } from '../../lambdas/backfill/run.ts';
import {
  advanceRun,
  continueRun,
  reportRun,
  type StepContext,
  startRun,
} from '../../lambdas/backfill/steps.ts';
import type { JumpingClock, MemoryPorts } from './backfill-memory-ports.ts';

/** The ports of a simulated run. */
type SimulatedPorts = StepContext['ports'] & Pick<MemoryPorts, 'started' | 'running'>;

let synthesized: Record<string, unknown> | undefined;

/** The synthesized definition of the state machine, with names in place of ARNs. */
export function synthesizedDefinition(): Record<string, unknown> {
  synthesized ??= synthesizeDefinition();
  return structuredClone(synthesized);
}

function synthesizeDefinition(): Record<string, unknown> {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
  const template = Template.fromStack(new UserSyncStack(app, 'UserSync', { config: parseConfig({}) }));
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const parts: unknown[] = machine?.['Properties'].DefinitionString['Fn::Join'][1];
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'aws')).join(''));
}

const stepOf = z.object({
  Payload: z.object({ step: z.enum(['start', 'enqueue', 'continue', 'report']), input: z.unknown() }),
});

/** History events of each type of state: its entry and exit, and three more for a task (AWS docs). */
const EVENTS: Readonly<Record<string, number>> = { Task: 5, Choice: 2, Wait: 2, Succeed: 2, Pass: 2 };

export interface SimulatedRun {
  report: Report;
  /** History events of each execution. */
  historyEvents: number[];
}

/** Assumed time between two calls of the function, in milliseconds. */
const BETWEEN_CALLS_MS = 200;

/**
 * Runs the synthesized definition with the real steps. A continued run gets a new execution, as on AWS.
 *
 * @param clock a clock that jumps over every wait; or `timers` to wait with the timers of the process.
 */
export async function simulate(
  input: unknown,
  clock: JumpingClock | 'timers',
  ports: SimulatedPorts,
  options: StepContext['options'],
): Promise<SimulatedRun> {
  const definition = synthesizedDefinition();
  const states = definition['States'] as Record<string, { Type: string }>;
  const historyEvents: number[] = [];
  let next: { name: string; input: unknown } | undefined = { name: 'run-1', input };
  let last: Run | SkippedRun | Report | undefined;
  while (next) {
    const execution: { name: string; input: unknown } = next;
    const context: StepContext = { ports, options, executionArn: `arn:execution:${execution.name}` };
    let events = 2;
    const handle = async (parameters: unknown) => {
      const { step, input } = stepOf.parse(parameters).Payload;
      const run = input as Run;
      if (step === 'enqueue') {
        if (clock === 'timers') await sleep(BETWEEN_CALLS_MS);
        else clock.now += run.waitSeconds * 1000 + BETWEEN_CALLS_MS;
      }
      const steps = {
        start: startRun,
        enqueue: advanceRun,
        continue: continueRun,
        report: reportRun,
      } as Record<typeof step, (input: never, context: StepContext) => Promise<Run | SkippedRun | Report>>;
      last = await steps[step](input as never, context);
      return { Payload: JSON.parse(JSON.stringify(last)) };
    };
    ports.running.add(context.executionArn);
    const names = Object.entries(states);
    const machine = new StateMachine(definition as never, {
      validationOptions: { checkPaths: true, checkArn: false },
    });
    const { result, eventLogs } = machine.run(execution.input as never, {
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          names.filter(([, { Type }]) => Type === 'Task').map(([name]) => [name, handle]),
        ),
        waitTimeOverrides: Object.fromEntries(
          names.filter(([, { Type }]) => Type === 'Wait' && clock !== 'timers').map(([name]) => [name, 0]),
        ),
      },
      context: { Execution: { Id: context.executionArn }, StateMachine: { Id: 'arn:machine' } } as never,
    });
    const count = (async () => {
      for await (const log of eventLogs) {
        if (log.type === 'StateEntered' && 'state' in log) events += EVENTS[log.state.type] ?? 2;
      }
    })();
    await result;
    await count;
    ports.running.delete(context.executionArn);
    historyEvents.push(events);
    next = ports.started.shift();
  }
  return { report: last as Report, historyEvents };
}
