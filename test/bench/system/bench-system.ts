import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { followBackfill, startBackfill } from '../../../infra/cli/backfill/follow-backfill.ts';
import type { ConfigInput } from '../../../infra/config.ts';
import type { BackfillInput } from '../../../lambdas/backfill/input.ts';
import type { User } from '../../../shared/user/user.ts';
import type { LocalSystemOptions } from '../../demo/local-system.ts';
import { startSimulatedSystem } from '../../demo/simulated-system.ts';
import { shownOf, verify } from '../../demo/verify.ts';
import { withFiveTags } from '../users/deploy-five-tags.ts';
import { mapping } from '../users/five-tags.ts';
import { contactsOf } from '../users/scenarios.ts';

export interface BenchSystemOptions {
  /** Users who are in the table before the stack is created. */
  users?: readonly User[];
  /** More such users, who are also in the CRM by email. */
  known?: readonly User[];
  /** Command-line options of the simulator. */
  simulator?: readonly string[];
  crm?: ConfigInput['crm'];
  cloud?: LocalSystemOptions['cloud'];
}

/** Some users are not in sync with the CRM. Figures of a system that does not work are useless. */
class NotInSyncError extends Error {
  override name = 'NotInSyncError';
}

const SETTLE_MS = 300_000;
const POLL_MS = 250;

/** The stack on the local cloud, with five tags per user. Its catalog exists before anything is measured. */
export type BenchSystem = Awaited<ReturnType<typeof startBenchSystem>>;

/** Runs work on the stack and then verifies every user against the CRM. @throws NotInSyncError */
export async function withBenchSystem<Result>(
  options: BenchSystemOptions,
  work: (system: BenchSystem) => Promise<Result>,
): Promise<Result> {
  const system = await startBenchSystem(options);
  try {
    const result = await work(system);
    await system.settle();
    await system.verifyUsers();
    return result;
  } finally {
    await system.running.stop();
  }
}

async function startBenchSystem({
  users = [],
  known = [],
  simulator = [],
  crm = {},
  cloud: cloudOptions = {},
}: BenchSystemOptions) {
  const running = await withFiveTags((mappingFile) =>
    startSimulatedSystem({
      simulator,
      cloud: cloudOptions,
      settings: { mapping: mappingFile, crm, backfill: { refreshSchedule: 'off' } },
      async prepare(controlApi) {
        await controlApi.declareOwnership(mapping);
        await controlApi.addContacts(contactsOf(known));
      },
      existingUsers: [...users, ...known].map((user) => marshall(user, { removeUndefinedValues: true })),
    }),
  );
  const { system, controlApi } = running;
  const { cloud, app } = system;
  const settle = () => cloud.untilIdle(SETTLE_MS);
  await app.signUp({ userId: 'first', email: 'nadezhda.opener@example.com' });
  await settle();
  return {
    running,
    controlApi,
    app,
    settle,
    system,
    /** Runs a backfill and waits until its last user is synced. */
    async backfill(input: Partial<BackfillInput>) {
      const sfn = new SFNClient(cloud.sdk('SFN'));
      const machine = cloud.outputs['BackfillStateMachineArn'] ?? '';
      const { report } = await followBackfill(
        sfn,
        await startBackfill(sfn, machine, input),
        POLL_MS,
        () => {},
      );
      await settle();
      return report;
    },
    async verifyUsers() {
      const { problems } = verify({
        users: await app.users(),
        contacts: (await controlApi.contacts()).map(shownOf),
        existing: [],
        deletedContactIds: [],
        now: Date.now(),
        mapping,
      });
      const deadLetters = await system.deadLetters();
      if (deadLetters > 0) problems.push(`${deadLetters} dead letters`);
      if (problems.length > 0)
        throw new NotInSyncError([`${problems.length} problems`, ...problems.slice(0, 10)].join('\n'));
    },
  };
}
