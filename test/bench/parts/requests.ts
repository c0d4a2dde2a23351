import { runPipelineBurst, runPipelineLive, runScripts } from '../baseline/run-pipeline.ts';
import { type Cost, LIMIT } from '../measure/cost.ts';
import type { Part } from '../report/section.ts';
import { goal, number, percent } from '../report/words.ts';
import { runSystem } from '../system/run-scenarios.ts';
import { type Cast, type Costs, cast, SCENARIOS, type Scenario } from '../users/scenarios.ts';

/** As many as show what one costs; the scripts need half a second for each. */
const BASELINE_USERS = { fresh: 10, known: 50, signUps: 50, changing: 50 };
/** Tags are put on many users together, so what one costs shows with many. */
const SYSTEM_USERS = { fresh: 1450, known: 500, signUps: 50, changing: 50 };
/** More than a pipeline comes through in the time that it is watched. */
const BURST_USERS = 2000;
const ENVIRONMENTS = [5, 10] as const;

const NEW_USER_GOAL = 1.06;
const REFRESH_GOAL = 0.1;

/** This system beside what would have been written otherwise. */
export const requests: Part = {
  name: 'requests',
  about: 'requests for each user, users a minute, refusals: beside three scripts and a plain pipeline',
  async run(say) {
    say('The three scripts and the plain pipeline');
    const baseline = cast(BASELINE_USERS);
    const many = cast({ ...BASELINE_USERS, fresh: BURST_USERS }).fresh;
    const [fewer, more] = ENVIRONMENTS;
    const [scripts, pipeline, burst, largerBurst] = await Promise.all([
      runScripts(baseline),
      runPipelineLive(fewer, baseline),
      runPipelineBurst(fewer, many),
      runPipelineBurst(more, many),
    ]);
    const system = await runSystem(cast(SYSTEM_USERS), say);
    const columns = [
      ['three scripts', scripts],
      ['plain pipeline', pipeline],
      ['this system', system],
    ] as const;
    const times = (cost: Cost | undefined, of: Cost | undefined) =>
      cost && of && of.requestsPerUser > 0 ? cost.requestsPerUser / of.requestsPerUser : undefined;
    const crowd: readonly (readonly [string, Cost | undefined])[] = [
      ['three scripts', scripts.new],
      [`plain pipeline, ${fewer} environments`, burst],
      [`plain pipeline, ${more} environments`, largerBurst],
      ['this system', system.new],
    ];
    const scenarios = Object.keys(SCENARIOS) as Scenario[];
    return {
      title: 'Requests, beside two other ways',
      method: method(baseline),
      tables: [
        {
          columns: [
            'requests for each user',
            ...columns.map(([name]) => name),
            'scripts ÷ this',
            'pipeline ÷ this',
          ],
          rows: scenarios.map((scenario) => [
            SCENARIOS[scenario],
            ...columns.map(([, costs]) => shown(costs, scenario)),
            ...[scripts, pipeline].map((costs: Costs) => {
              const ratio = times(costs[scenario], system[scenario]);
              return ratio === undefined ? '–' : `${number(ratio, 1)} ×`;
            }),
          ]),
        },
        {
          columns: [
            'many new users together',
            'users a minute',
            'quota filled',
            'refused',
            'requests for each',
          ],
          rows: crowd.map(([name, cost]) => [
            name,
            number(cost?.usersPerMinute ?? 0, 0),
            percent(cost?.utilisation ?? 0),
            cost ? percent(cost.refused / cost.requests) : '–',
            number(cost?.requestsPerUser ?? 0, 1),
          ]),
        },
        {
          columns: ['signs up and edits at once', 'duplicates made', 'of users'],
          rows: columns.map(([name, { signedUp }]) => [
            name,
            signedUp ? number(signedUp.duplicates, 0) : '– (runs at night)',
            signedUp ? number(signedUp.users, 0) : '–',
          ]),
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'performance-requests',
          title: 'Requests for each user',
          xLabel: '',
          yLabel: 'requests',
          groups: ['new', 'in the CRM', 'one tag changes', 'nothing changes', 'daily refresh'],
          series: columns.map(([name, costs]) => ({
            name,
            values: (['new', 'known', 'swap', 'noOp', 'refresh'] as const).map(
              (scenario) => costs[scenario]?.requestsPerUser ?? 0,
            ),
          })),
        },
      ],
      conclusions: [conclusion({ scripts, burst, largerBurst, pipeline, system })],
      goals: [
        goalOf('requests for a new user with five tags', NEW_USER_GOAL, system.new),
        goalOf('requests for a user of the daily refresh', REFRESH_GOAL, system.refresh),
      ],
      figures: { scripts, pipeline, burst, largerBurst, system },
    };
  },
};

const shown = (costs: Costs, scenario: Scenario): string => {
  const cost = costs[scenario];
  return cost ? number(cost.requestsPerUser, 2) : '–';
};

const goalOf = (what: string, most: number, cost: Cost | undefined) => {
  const measured = cost?.requestsPerUser ?? Number.POSITIVE_INFINITY;
  return goal(what, `≤ ${most}`, number(measured, 3), measured <= most);
};

function conclusion({
  scripts,
  burst,
  largerBurst,
  pipeline,
  system,
}: Record<'burst' | 'largerBurst', Cost> & Record<'scripts' | 'pipeline' | 'system', Costs>): string {
  const [fewer, more] = ENVIRONMENTS;
  const perMinute = (cost: Cost | undefined) => number(cost?.usersPerMinute ?? 0, 0);
  const refused = ({ refused: count, requests: all }: Cost) => percent(count / all, 0);
  return `At the same limit, this system brings in ${perMinute(system.new)} new users a minute and the scripts ${perMinute(scripts.new)}: one request at a time, they wait for answers and use ${percent(scripts.new?.utilisation ?? 0, 0)} of the quota. The plain pipeline has no pace: ${fewer} environments are refused ${refused(burst)} of their requests and ${more} environments ${refused(largerBurst)}, since a refusal comes back at once and makes room for the next request, and each costs the search and the contact again. It made ${number(pipeline.signedUp?.duplicates ?? 0, 0)} duplicates of ${number(pipeline.signedUp?.users ?? 0, 0)} users who signed up: two environments with one new user both find nobody and both create.`;
}

const method = ({ known, signUps, changing, fresh }: Cast): string =>
  `All three are given users of the same kind, with five tags each, against a simulator of the CRM each, in real time at its real latency (median 150 ms, 95th percentile 400 ms), with ${LIMIT} requests in any second. The *three scripts* search by email, create or update, and put tags on; the third takes tags off and puts tags on. They go through users one after another under the npm package \`limiter\` at ${LIMIT} a second. The *plain pipeline* has a message for each write and up to four requests for each message (search, create or update, old tags off, tags on), so many environments by reserved concurrency, no pace, and messages that come back 30 s after a failure; it is given one event each 200 ms, and what it does with many users together is watched for a minute. They were given ${fresh.length + changing.length} new users (the pipeline ${number(BURST_USERS, 0)}), ${known.length} who were in the CRM by email, ${signUps.length} who sign up and ${changing.length} who change. *This system* is the stack on the local cloud with its real bundles, and a backfill of ${SYSTEM_USERS.fresh + SYSTEM_USERS.changing} new users, then ${SYSTEM_USERS.known} known ones; afterwards every user is held against the CRM. Counted at the CRM's door: refused requests count. Users a minute and the filled part of the quota are those between the first and the last tenth of the requests.`;
