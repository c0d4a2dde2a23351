import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sendPoll } from '../../shared/polls/send-poll.ts';
import type { PollMessage } from '../../shared/sync/message.ts';
import { population } from '../demo/population.ts';
import { signUpAll } from '../demo/scenario.ts';
import { simulatorClient } from '../demo/simulator-client.ts';
import { spawnSimulator } from '../demo/spawn-simulator.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { type CallbackReceiver, startCallbackReceiver } from '../support/callback-receiver.ts';
import { shown } from '../support/polls-under-test.ts';
import { Checkout } from './checkout.ts';
import { DeployedStack, sdkOf } from './deployed-stack.ts';
import { type Emulator, startEmulator } from './emulator.ts';

const TIMEOUT_MS = 90_000;

let emulator: Emulator;
let simulator: RunningSimulator;
let checkout: Checkout;
let receiver: CallbackReceiver;
let secret = '';

beforeAll(async () => {
  emulator = await startEmulator();
  simulator = await spawnSimulator(['--latency-median', '10', '--latency-p95', '20', '--search-delay', '0']);
  receiver = await startCallbackReceiver(() => secret);
  checkout = new Checkout(emulator.environment);
});
afterAll(async () => {
  checkout?.remove();
  receiver?.stop();
  await simulator?.stop();
  await emulator?.stop();
});

it('a deployed stack with events sends what a person changes in the CRM to the callback and to a queue, and nothing of its own', async () => {
  const sqs = new SQSClient(sdkOf(emulator.environment));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'app-events' }));
  const attributeOfQueue = async (name: 'QueueArn' | 'ApproximateNumberOfMessages') => {
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [name] });
    return (await sqs.send(command)).Attributes?.[name];
  };
  checkout.configure({
    crm: { url: simulator.url, tokenRotationHours: 'off' },
    events: { callback: { url: receiver.url }, queueArn: await attributeOfQueue('QueueArn') },
  });
  for (const { code, out, err } of [
    await checkout.cdk('bootstrap', 'aws://000000000000/us-east-1'),
    await checkout.userSync('deploy', ['--yes']),
    await checkout.userSync('authorize', ['--service-account-key'], { input: `${DEFAULT_TOKEN}\n` }),
  ])
    expect(code, `${out}\n${err}`).toBe(0);
  const stack = await DeployedStack.find(emulator.environment, 'user-sync');
  const secrets = new SecretsManagerClient(sdkOf(emulator.environment));
  const SecretId = stack.output('CallbackSecretArn');
  secret = (await secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '';
  const controlApi = simulatorClient(simulator.url);
  await signUpAll(stack.app, population(5, 17, Date.now()).users);
  await expect
    .poll(() => stack.verify(controlApi), { timeout: TIMEOUT_MS, interval: 500 })
    .toMatchObject({ problems: [], inSync: 5 });

  const polls = async () => {
    const { code, out, err } = await checkout.userSync('events', ['--json']);
    expect(code, err).toBe(0);
    return JSON.parse(out) as { polls: { poll: string; completedAt: string | null }[]; counts: object };
  };
  const poll = async (kind: PollMessage['poll'], name: string) => {
    const scheduledAt = new Date().toISOString();
    await sendPoll(sqs, stack.output('QueueUrl'), { version: 1, kind: 'poll-crm', poll: kind, scheduledAt });
    await expect
      .poll(async () => (await polls()).polls.find((each) => each.poll === name)?.completedAt, {
        timeout: TIMEOUT_MS,
        interval: 1000,
      })
      .toBe(scheduledAt);
  };
  await poll('listing', 'listing');
  const [user] = await stack.app.users();
  const contactId = user?.crm?.contactId ?? 0;
  await controlApi.edit(contactId, {
    values: { job_title: 'Coach' },
    addTags: ['VIP'],
    emailStatus: 'Manual',
  });
  await stack.app.edit((await stack.app.users())[1]?.userId ?? '', { firstName: 'Renamed' });
  await poll('changes', 'tags');
  await poll('opt-outs', 'opt-outs');
  await poll('listing', 'listing');
  await expect.poll(() => receiver.events.length, { timeout: TIMEOUT_MS }).toBeGreaterThanOrEqual(3);
  const distinct = [...new Map(receiver.events.map((event) => [event.id, event])).values()];
  expect(
    shown(distinct)
      .map(({ type }) => type)
      .sort(),
  ).toEqual(['contact.changed', 'contact.unsubscribed', 'tag.applied']);
  for (const { subject } of distinct) expect(subject).toBe(user?.userId);
  expect(receiver.forged).toBe(0);
  expect(Number(await attributeOfQueue('ApproximateNumberOfMessages'))).toBeGreaterThanOrEqual(3);
}, 600_000);
