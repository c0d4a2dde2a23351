/** The CRM simulator on its own: `npm run simulator -- --help`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULT_KINDS } from './faults.ts';
import { DEFAULT_CLIENT } from './oauth.ts';
import { TEAM_LIMITS } from './rate-limits.ts';
import { SEARCH_MODES } from './search-mode.ts';
import { DEFAULT_TOKEN, REAL_LATENCY } from './simulator.ts';
import { startSimulator } from './start-simulator.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('It must be a number of 0 or more.');
  return value;
}

const program = new Command('npm run simulator --')
  .description(
    'A CRM on this machine that speaks the Infusionsoft REST API v1, with its limits, latency and faults.',
  )
  .option('--port <port>', 'port on 127.0.0.1 (0: a free one)', number, 0)
  .option('--second <n>', 'requests in any sliding second', number, TEAM_LIMITS.second)
  .option('--minute <n>', 'requests in any sliding minute', number, TEAM_LIMITS.minute)
  .option('--day <n>', 'requests a day', number, TEAM_LIMITS.day)
  .option('--month <n>', 'requests a month', number, TEAM_LIMITS.month)
  .option('--latency-median <ms>', 'median of the answer time', number, REAL_LATENCY.medianMs)
  .option('--latency-p95 <ms>', '95th percentile of the answer time', number, REAL_LATENCY.p95Ms)
  .option('--jitter <ms>', 'how far the network moves requests towards each other, and apart', number, 0)
  .option('--fault-rate <part>', 'part of the requests that go wrong', number, 0)
  .addOption(
    new Option('--fault-kinds <kind...>', 'how they go wrong').choices(FAULT_KINDS).default([...FAULT_KINDS]),
  )
  .addOption(
    new Option('--arrays <mode>', 'array items that an update does not list')
      .choices(['merge', 'replace'])
      .default('merge'),
  )
  .addOption(
    new Option('--tag-results <form>', 'results of tags by id, or in a list as in the contract of 2022')
      .choices(['object', 'entries'])
      .default('object'),
  )
  .addOption(
    new Option('--search <mode>', 'what a search by email or name finds, beside what was asked for')
      .choices(SEARCH_MODES)
      .default('exact'),
  )
  .option('--no-limit-headers', 'answers do not say where the caller stands')
  .option('--speed <n>', 'limits times n, latency divided by n', number, 1)
  .option('--seed <n>', 'the same seed gives the same latencies and faults', number, 1)
  .option('--attached', 'end when the standard input ends, as it does with the process that started this one')
  .option('--client-id <id>', 'id of the OAuth client', DEFAULT_CLIENT.clientId)
  .option('--client-secret <secret>', 'secret of the OAuth client', DEFAULT_CLIENT.clientSecret)
  .option('--token-seconds <n>', 'how long access tokens live', number, DEFAULT_CLIENT.tokenSeconds)
  .option('--token <token...>', 'keys or tokens that are let in', [DEFAULT_TOKEN]);

const options = program.parse().opts();
const simulator = await startSimulator({
  port: options.port,
  limits: { second: options.second, minute: options.minute, day: options.day, month: options.month },
  latency: { medianMs: options.latencyMedian, p95Ms: options.latencyP95 },
  jitterMs: options.jitter,
  faults: { rate: options.faultRate, kinds: options.faultKinds },
  arrays: options.arrays,
  tagResults: options.tagResults,
  search: options.search,
  limitHeaders: options.limitHeaders,
  speed: options.speed,
  seed: options.seed,
  tokens: options.token,
  oauth: {
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    tokenSeconds: options.tokenSeconds,
  },
});
process.stdout.write(`Simulator listening on ${simulator.url}\n`);
process.stderr.write(`Look at ${simulator.url}/_simulator\n`);
const stop = async () => {
  await simulator.stop();
  process.stdin.destroy();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
if (options.attached) process.stdin.resume().once('end', () => void stop());
