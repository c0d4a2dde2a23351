import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryDirectory, writeBundle } from '../fixtures/write-bundle.ts';
import { LambdaFunction } from '../lambda/lambda-function.ts';

const directory = temporaryDirectory();
const running: LambdaFunction[] = [];
let bundles = 0;
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
  rmSync(directory, { recursive: true, force: true });
});

function newFunction(code: string, { timeoutSeconds = 20, reservedConcurrency = 2, variables = {} } = {}) {
  const lines: string[] = [];
  const context = {
    functionName: 'probe',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:probe',
    memoryLimitInMB: '128',
    logGroupName: '/aws/lambda/probe',
    logStreamName: '',
  };
  const file = writeBundle(`${directory}/${bundles++}`, code);
  const created = new LambdaFunction({
    environment: {
      thread: { file, exportName: 'handler', context },
      variables,
      memoryMegabytes: 128,
      onLine: (line) => lines.push(line),
    },
    timeoutSeconds,
    isTimeoutEnforced: true,
    reservedConcurrency,
  });
  running.push(created);
  return { function: created, lines };
}

const COUNTER =
  'let count = 0; export const handler = async ({ waitMs = 0 }) => { await new Promise((r) => setTimeout(r, waitMs)); return ++count; };';

describe('LambdaFunction', () => {
  it('reuses a warm environment, and gives each environment its own modules', async () => {
    const { function: probe } = newFunction(COUNTER);
    expect([await probe.invoke({}), await probe.invoke({})]).toEqual([1, 2]);
    const both = await Promise.all([probe.invoke({ waitMs: 200 }), probe.invoke({ waitMs: 200 })]);
    expect(both.toSorted()).toEqual([1, 3]);
    expect(probe.statistics).toMatchObject({ invocations: 4, coldStarts: 2, maxConcurrent: 2, errors: 0 });
    expect(probe.statistics.maxHeapBytes).toBeGreaterThan(1e6);
    expect(probe.statistics.maxHeapBytes).toBeLessThan(128e6);
  });

  it('counts the GB-seconds that Lambda would bill', async () => {
    const { function: probe } = newFunction(COUNTER);
    await probe.invoke({});
    const cold = probe.statistics.gbSeconds;
    await probe.invoke({ waitMs: 400 });
    const gigabyteSeconds = 0.4 * (128 / 1024);
    expect(probe.statistics.gbSeconds - cold).toBeGreaterThanOrEqual(gigabyteSeconds * 0.99);
    expect(probe.statistics.gbSeconds - cold).toBeLessThan(gigabyteSeconds * 4);
  });

  it('has new variables after a deployment, in new environments, while a running invocation ends with the old ones', async () => {
    const code =
      'let count = 0; export const handler = async ({ waitMs = 0 }) => { await new Promise((r) => setTimeout(r, waitMs)); return [process.env.LIMIT, ++count].join(" "); };';
    const { function: probe } = newFunction(code, { variables: { LIMIT: 'low' } });
    const running = probe.invoke({ waitMs: 300 });
    expect(await probe.invoke({})).toBe('low 1');
    await probe.deploy({ LIMIT: 'high', OTHER: 'ignored' });
    expect(await probe.invoke({})).toBe('high 1');
    expect(await running).toBe('low 1');
    expect(await probe.invoke({})).toBe('high 2');
    expect(probe.statistics).toMatchObject({ coldStarts: 3, errors: 0 });
  });

  it('throttles invocations beyond its concurrency', async () => {
    const { function: probe } = newFunction(COUNTER, { reservedConcurrency: 1 });
    const first = probe.invoke({ waitMs: 200 });
    await expect(probe.invoke({})).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(await first).toBe(1);
    expect(probe.statistics).toMatchObject({ invocations: 1, throttles: 1, errors: 0 });
  });

  it('ends an environment after a timeout, and continues in a new one', async () => {
    const { function: probe } = newFunction(COUNTER, { timeoutSeconds: 1 });
    await expect(probe.invoke({ waitMs: 60_000 })).rejects.toMatchObject({
      response: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringMatching(/Task timed out after 1.00 seconds$/),
      },
    });
    expect(await probe.invoke({})).toBe(1);
    expect(probe.statistics).toMatchObject({ timeouts: 1, errors: 1, coldStarts: 2 });
  });

  it('kills a busy environment on demand', async () => {
    const { function: probe } = newFunction(COUNTER);
    expect(probe.killBusyEnvironment()).toBe(false);
    await probe.invoke({});
    const invocation = probe.invoke({ waitMs: 60_000 });
    expect(probe.killBusyEnvironment()).toBe(true);
    await expect(invocation).rejects.toThrow('signal: killed');
    expect(await probe.invoke({})).toBe(1);
  });

  it('returns and logs an error of the handler, and keeps the environment', async () => {
    const code =
      'let count = 0; export const handler = async (event) => { count++; if (event.bad) throw new RangeError("too far"); return count; };';
    const { function: probe, lines } = newFunction(code);
    await expect(probe.invoke({ bad: true })).rejects.toMatchObject({
      response: {
        errorType: 'RangeError',
        errorMessage: 'too far',
        trace: expect.arrayContaining(['RangeError: too far']),
      },
    });
    expect(await probe.invoke({})).toBe(2);
    expect(lines.join()).toContain('too far');
  });

  it.each([
    ['an error while loading', 'throw new Error("no settings"); export const handler = 1;', 'no settings'],
    ['a missing handler', 'export const other = 1;', 'no function handler'],
    [
      'an uncaught error',
      'export const handler = () => new Promise(() => setTimeout(() => { throw new Error("loose") }));',
      'loose',
    ],
    ['an exit', 'export const handler = () => process.exit(3);', 'exited with status 3'],
  ])('fails on %s', async (_, code, message) => {
    const { function: probe } = newFunction(code);
    await expect(probe.invoke({})).rejects.toThrow(message);
    await expect(probe.invoke({})).rejects.toThrow(message);
    expect(probe.statistics).toMatchObject({ errors: 2, coldStarts: 2 });
  });

  it('gives a handler its context and only its own variables, and returns its result as JSON', async () => {
    const code = `export const handler = async (event, context) => {
      console.log('first line\\nsecond line');
      return { env: process.env, remaining: context.getRemainingTimeInMillis(), left: undefined, at: new Date(0), ...context };
    };`;
    const { function: probe, lines } = newFunction(code, { variables: { MINE: 'yes' } });
    const answer = await probe.invoke({});
    expect(answer).toMatchObject({
      env: { MINE: 'yes', AWS_LAMBDA_LOG_STREAM_NAME: expect.stringContaining('[$LATEST]') },
      at: '1970-01-01T00:00:00.000Z',
      functionName: 'probe',
      memoryLimitInMB: '128',
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      remaining: expect.any(Number),
    });
    expect(answer).not.toHaveProperty('left');
    expect(answer).not.toHaveProperty('env.HOME');
    await expect.poll(() => lines).toEqual(['first line', 'second line']);
  });

  it('resolves the AWS SDK like the runtime', async () => {
    const code =
      "import { SQSClient } from '@aws-sdk/client-sqs'; export const handler = async () => typeof SQSClient;";
    expect(await newFunction(code).function.invoke({})).toBe('function');
  });
});
