import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { population } from '../demo/population.ts';
import { dayOfEdits, signUpAll } from '../demo/scenario.ts';
import { simulatorClient } from '../demo/simulator-client.ts';
import { spawnSimulator } from '../demo/spawn-simulator.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { seededRandom } from '../simulator/traffic/random.ts';
import { Checkout } from './checkout.ts';
import { DeployedStack, sdkOf } from './deployed-stack.ts';
import { type Emulator, type FaultRule, startEmulator } from './emulator.ts';

const USERS = 80;
const LEAST_FAULTS = 150;
const LEAST_KILLS = 8;
/** Shortest and longest time for which faults are injected. In between, it ends as soon as there were enough. */
const FAULTS_MS = 75_000;
const MAX_FAULTS_MS = 240_000;
/** Longest time after the faults until every user is in sync. */
const SETTLE_MS = 180_000;
const KILL_EVERY_MS = 5000;

/** Errors of AWS, lost connections, slow responses, and responses that are cut off after the request was applied. */
const RULES: readonly FaultRule[] = [
  { service: 'dynamodb', probability: 0.07, error: { code: 'ProvisionedThroughputExceededException' } },
  { service: 'dynamodb', probability: 0.05, error: { code: 'InternalServerError' } },
  { service: 'dynamodb', probability: 0.03, reset: true },
  { service: 'dynamodb', probability: 0.03, latency: { min: 500, max: 2500 } },
  { service: 'dynamodb', probability: 0.08, response: { abort_frac: 0.5 } },
  { service: 'sqs', probability: 0.08, error: { code: 'RequestThrottled' } },
  { service: 'sqs', probability: 0.04, error: { code: 'ServiceUnavailable', status: 503 } },
  { service: 'sqs', probability: 0.08, response: { abort_frac: 0.5 } },
  { service: 'secretsmanager', probability: 0.2, error: { code: 'InternalServiceError' } },
];

let emulator: Emulator;
let simulator: RunningSimulator;
let checkout: Checkout;
let stack: DeployedStack;
let controlApi: ReturnType<typeof simulatorClient>;

beforeAll(async () => {
  emulator = await startEmulator();
  simulator = await spawnSimulator(['--latency-median', '100', '--latency-p95', '300']);
  controlApi = simulatorClient(simulator.url);
  await controlApi.declareOwnership();
  checkout = new Checkout(emulator.environment);
  checkout.configure({ crm: { url: simulator.url, tokenRotationHours: 'off' } });
  const steps = [
    await checkout.cdk('bootstrap', 'aws://000000000000/us-east-1'),
    await checkout.userSync('deploy', ['--yes']),
    await checkout.userSync('authorize', ['--service-account-key'], { input: `${DEFAULT_TOKEN}\n` }),
  ];
  for (const { code, out, err } of steps) expect(code, `${out}\n${err}`).toBe(0);
  stack = await DeployedStack.find(emulator.environment, 'user-sync');
});
afterAll(async () => {
  checkout?.remove();
  await simulator?.stop();
  await emulator?.stop();
});

describe('with faults of AWS and killed processes', () => {
  const seed = Date.now() % 2 ** 31;
  const random = seededRandom(seed);

  it('the system loses, duplicates and rejects no user', async ({ annotate }) => {
    await annotate(`seed ${seed}`);
    const { users } = population(USERS, 41, Date.now());
    await emulator.injectFaults(RULES);
    await signUpAll(stack.app, users);
    const startedAt = Date.now();
    const faultsSoFar = async () =>
      Object.values(await emulator.injectedFaults()).reduce((sum, count) => sum + count, 0);
    const edits = dayOfEdits(users, 7);
    let kills = 0;
    let nextKill = Date.now() + KILL_EVERY_MS;
    const isEnough = async () =>
      Date.now() > startedAt + FAULTS_MS && kills >= LEAST_KILLS && (await faultsSoFar()) >= LEAST_FAULTS;
    for (let index = 0; !(await isEnough()) && Date.now() < startedAt + MAX_FAULTS_MS; index++) {
      const edit = edits[index % edits.length];
      if (edit) await stack.app.edit(edit.userId, { ...edit.changes, lastName: `Edited ${index}` });
      if (Date.now() > nextKill && (await emulator.killFunctionProcess(random))) {
        kills++;
        nextKill = Date.now() + KILL_EVERY_MS;
      }
      await sleep(random() * 450);
    }
    const faults = await faultsSoFar();
    await emulator.injectFaults([]);
    const ended = Date.now();
    let last = await stack.verify(controlApi);
    while ((last.problems.length > 0 || last.inSync < USERS) && Date.now() - ended < SETTLE_MS) {
      await sleep(1000);
      last = await stack.verify(controlApi);
    }
    await annotate(
      `${faults} faults, ${kills} kills; the last user was in sync ${((Date.now() - ended) / 1000).toFixed(0)} s after they ended`,
    );
    expect(last).toMatchObject({ users: USERS, inSync: USERS, problems: [] });
    expect(faults).toBeGreaterThanOrEqual(LEAST_FAULTS);
    expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
    expect(await controlApi.stats()).toMatchObject({ duplicateContacts: 0, foreignWrites: [] });
    expect(await waiting('DeadLetterQueueUrl')).toBe(0);
    expect(await waiting('StreamFailureQueueUrl')).toBe(0);
  }, 500_000);
});

async function waiting(output: string): Promise<number> {
  const { Attributes } = await new SQSClient(sdkOf(emulator.environment)).send(
    new GetQueueAttributesCommand({
      QueueUrl: stack.output(output),
      AttributeNames: ['ApproximateNumberOfMessages'],
    }),
  );
  // A missing attribute does not count as zero.
  return Number(Attributes?.['ApproximateNumberOfMessages'] ?? Number.NaN);
}
