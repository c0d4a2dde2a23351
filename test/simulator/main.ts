/** `npm run simulator`: runs the CRM simulator as a separate process. `-- --help` lists the options. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { SEARCH_MODES } from './account/search.ts';
import { DEFAULT_CLIENT } from './oauth.ts';
import { DEFAULT_TOKEN, REAL_LATENCY } from './simulator.ts';
import { startSimulator } from './start-simulator.ts';
import { STRICTNESS_NAMES } from './strictness.ts';
import { FAULT_KINDS } from './traffic/faults.ts';
import { TEAM_LIMITS } from './traffic/rate-limits.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('Expected a number of 0 or more.');
  return value;
}

const program = new Command('npm run simulator --')
  .description(
    'Simulates the Infusionsoft REST API (v1, and lists of v2) on this machine, with its rate limits, latency and faults.',
  )
  .option('--port <port>', 'port on 127.0.0.1 (0: any free port)', number, 0)
  .option('--second <n>', 'requests per sliding second', number, TEAM_LIMITS.second)
  .option('--minute <n>', 'requests per sliding minute', number, TEAM_LIMITS.minute)
  .option('--day <n>', 'requests per day', number, TEAM_LIMITS.day)
  .option('--month <n>', 'requests per month', number, TEAM_LIMITS.month)
  .option('--latency-median <ms>', 'median response time', number, REAL_LATENCY.medianMs)
  .option('--latency-p95 <ms>', '95th percentile of the response time', number, REAL_LATENCY.p95Ms)
  .option('--jitter <ms>', 'network jitter: each request is delayed by 0 to twice as much', number, 0)
  .option('--fault-rate <share>', 'share of the requests that fail, from 0 to 1', number, 0)
  .addOption(
    new Option('--fault-kinds <kind...>', 'kinds of faults').choices(FAULT_KINDS).default([...FAULT_KINDS]),
  )
  .addOption(
    new Option('--arrays <mode>', 'what an update does to array items that it does not list')
      .choices(['merge', 'replace'])
      .default('merge'),
  )
  .addOption(
    new Option('--put-arrays <mode>', 'the same for create-or-updates only').choices(['merge', 'replace']),
  )
  .addOption(
    new Option(
      '--tag-results <form>',
      'tag results as an object by id, or as a list as in the API contract of 2022',
    )
      .choices(['object', 'entries'])
      .default('object'),
  )
  .addOption(new Option('--search <mode>', 'how searches match text').choices(SEARCH_MODES).default('exact'))
  .option('--search-delay <ms>', 'time until searches see a new or changed contact', number, 1000)
  .addOption(
    new Option('--lenient <name...>', 'strict rules to switch off (docs/simulator.md)').choices(
      STRICTNESS_NAMES,
    ),
  )
  .option('--unnamed-refusals', 'refusals do not say which field they are about')
  .option('--no-limit-headers', 'send no headers with limits and usage')
  .option('--speed <n>', 'multiply limits per second and minute by n, divide latency by n', number, 1)
  .option('--seed <n>', 'seed of latencies and faults', number, 1)
  .option('--attached', 'exit when standard input closes, as when the parent process exits')
  .option('--client-id <id>', 'OAuth client id', DEFAULT_CLIENT.clientId)
  .option('--client-secret <secret>', 'OAuth client secret', DEFAULT_CLIENT.clientSecret)
  .option('--token-seconds <n>', 'lifetime of access tokens', number, DEFAULT_CLIENT.tokenSeconds)
  .option('--token <token...>', 'accepted keys or tokens', [DEFAULT_TOKEN]);

const options = program.parse().opts();
const simulator = await startSimulator({
  port: options.port,
  limits: { second: options.second, minute: options.minute, day: options.day, month: options.month },
  latency: { medianMs: options.latencyMedian, p95Ms: options.latencyP95 },
  jitterMs: options.jitter,
  faults: { rate: options.faultRate, kinds: options.faultKinds },
  arrays: { put: options.putArrays ?? options.arrays, patch: options.arrays },
  answers: { tagResults: options.tagResults },
  search: options.search,
  searchDelayMs: options.searchDelay,
  strict: {
    ...Object.fromEntries((options.lenient ?? []).map((name: string) => [name, false])),
    ...(options.unnamedRefusals && { unnamedRefusals: true }),
  },
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
process.stderr.write(`Statistics: ${simulator.url}/_simulator\n`);
const stop = async () => {
  await simulator.stop();
  process.stdin.destroy();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
if (options.attached) process.stdin.resume().once('end', () => void stop());
