import { runPipelineBurst, runPipelineLive } from '../baseline/run-pipeline.ts';
import { type Cost, LIMIT } from '../measure/cost.ts';
import { atMost, number, type Part, percent } from '../report/section.ts';
import { runScenarios } from '../system/run-scenarios.ts';
import { type Costs, SCENARIOS, type Scenario, scenarioUsers } from '../users/scenarios.ts';

/** Enough users to measure the cost of one. */
const BASELINE_USERS = { fresh: 0, known: 50, signUps: 50, changing: 50 };
/** More new users, because one request tags up to 100 of them. */
const SYSTEM_USERS = { fresh: 1450, known: 500, signUps: 50, changing: 50 };
/** More users than the pipeline handles in a minute. */
const BURST_USERS = 2000;
const ENVIRONMENTS = [5, 10] as const;

const MAX_PER_NEW_USER = 1.06;
const MAX_PER_REFRESHED_USER = 0.1;

/** Requests per user of this system, compared with a plain pipeline. */
export const requests: Part = {
  name: 'requests',
  about: 'requests per user, users per minute and rejections, compared with a plain pipeline',
  async run(log) {
    log('Running the plain pipeline');
    const baselineUsers = scenarioUsers(BASELINE_USERS);
    const burstUsers = scenarioUsers({ ...BASELINE_USERS, fresh: BURST_USERS }).fresh;
    const [fewer, more] = ENVIRONMENTS;
    const [pipeline, burst, largerBurst] = await Promise.all([
      runPipelineLive(fewer, baselineUsers),
      runPipelineBurst(fewer, burstUsers),
      runPipelineBurst(more, burstUsers),
    ]);
    const system = await runScenarios(scenarioUsers(SYSTEM_USERS), log);
    const columns = [
      ['plain pipeline', pipeline],
      ['this system', system],
    ] as const;
    const bulk: readonly (readonly [string, Cost | undefined])[] = [
      [`plain pipeline, ${fewer} environments`, burst],
      [`plain pipeline, ${more} environments`, largerBurst],
      ['this system', system.new],
    ];
    const scenarios = Object.keys(SCENARIOS) as Scenario[];
    return {
      title: 'Requests per user',
      method: METHOD,
      tables: [
        {
          columns: ['requests per user', ...columns.map(([name]) => name), 'pipeline ÷ this system'],
          rows: scenarios.map((scenario) => [
            SCENARIOS[scenario],
            ...columns.map(([, costs]) => shown(costs[scenario])),
            ratio(pipeline[scenario], system[scenario]),
          ]),
        },
        {
          columns: [
            'many new users at once',
            'users per minute',
            'quota filled',
            'rejected',
            'requests per user',
          ],
          rows: bulk.map(([name, cost]) => [
            name,
            number(cost?.usersPerMinute ?? 0, 0),
            percent(cost?.filled ?? 0),
            cost ? percent(cost.rejected / cost.requests) : '–',
            number(cost?.requestsPerUser ?? 0, 1),
          ]),
        },
        {
          columns: ['sign-up with an edit at once', 'duplicate contacts', 'users'],
          rows: columns.map(([name, { signUp }]) => [
            name,
            number(signUp?.duplicates ?? 0, 0),
            number(signUp?.users ?? 0, 0),
          ]),
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'performance-requests',
          title: 'Requests per user',
          xLabel: '',
          yLabel: 'requests',
          groups: ['new', 'in the CRM', 'one tag changes', 'nothing changes', 'daily refresh'],
          series: columns.map(([name, costs]) => ({
            name,
            values: (['new', 'known', 'tagChange', 'noChange', 'refresh'] as const).map(
              (scenario) => costs[scenario]?.requestsPerUser ?? 0,
            ),
          })),
        },
      ],
      conclusions: [conclusion({ burst, largerBurst, pipeline, system })],
      goals: [
        perUserGoal('requests per new user with five tags', system.new, MAX_PER_NEW_USER),
        perUserGoal('requests per user of the daily refresh', system.refresh, MAX_PER_REFRESHED_USER),
      ],
      figures: { pipeline, burst, largerBurst, system },
    };
  },
};

const shown = (cost: Cost | undefined): string => (cost ? number(cost.requestsPerUser, 2) : '–');

const ratio = (cost: Cost | undefined, of: Cost | undefined): string =>
  cost && of && of.requestsPerUser > 0 ? `${number(cost.requestsPerUser / of.requestsPerUser, 1)} ×` : '–';

const perUserGoal = (what: string, cost: Cost | undefined, limit: number) =>
  atMost(what, cost?.requestsPerUser ?? Number.POSITIVE_INFINITY, limit, (value) => number(value, 3));

function conclusion({
  burst,
  largerBurst,
  pipeline,
  system,
}: Record<'burst' | 'largerBurst', Cost> & Record<'pipeline' | 'system', Costs>): string {
  const [fewer, more] = ENVIRONMENTS;
  const rejectedShare = ({ rejected, requests: all }: Cost) => percent(rejected / all, 0);
  return `At the same rate limit, this system syncs ${number(system.new?.usersPerMinute ?? 0, 0)} new users per minute. The plain pipeline does not pace its requests: with ${fewer} environments the CRM rejects ${rejectedShare(burst)} of them, with ${more} environments ${rejectedShare(largerBurst)}. A rejection returns at once, so the next request follows sooner, and every retry repeats the search and the write. The pipeline also created ${number(pipeline.signUp?.duplicates ?? 0, 0)} duplicate contacts for ${number(pipeline.signUp?.users ?? 0, 0)} sign-ups: two environments with the same new user both find no contact and both create one.`;
}

const METHOD = `Both systems sync users of the same kind, with five tags each, in real time. Each has a CRM simulator of its own with the latency of the real CRM (median 150 ms, 95th percentile 400 ms) and a limit of ${LIMIT} requests per second. The *plain pipeline* sends a message for each write and up to four requests for each message: search, create or update, remove old tags, apply tags. Its concurrency is reserved, its requests are not paced, and a failed message returns after 30 s. It gets one event every 200 ms: ${BASELINE_USERS.changing} new users, ${BASELINE_USERS.known} users who are in the CRM by email, ${BASELINE_USERS.signUps} sign-ups and ${BASELINE_USERS.changing} changes. In bulk it gets ${number(BURST_USERS, 0)} new users, and the first minute is measured. *This system* is the stack on the local cloud with its deployed bundles: a backfill of ${number(SYSTEM_USERS.fresh + SYSTEM_USERS.changing, 0)} new users, a backfill of ${SYSTEM_USERS.known} known users, then the same changes. Afterwards every user is verified against the CRM. The simulator counts the requests, including rejected ones. Users per minute and the filled share of the quota leave out the first and the last tenth of the requests.`;
