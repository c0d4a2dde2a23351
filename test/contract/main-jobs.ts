import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { startLocalSystem } from '../demo/local-system.ts';
import { population } from '../demo/population.ts';
import { burstOfEdits, dayOfEdits, makeEdits, signUpAll } from '../demo/scenario.ts';
import type { simulatorClient } from '../demo/simulator-client.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import { commandsOn } from '../support/command.ts';

const SETTLE_MS = 120_000;
/** A mapping with everything that a mapping can declare. The name keeps it out of other stacks: see `assemblyDirectory`. */
const MAPPING = 'shared/user/mapping.contract-under-test.ts';
const MAPPING_SOURCE = `export { richMapping as mapping } from '../../test/support/rich-mapping.ts';\n`;

const USERS = population(16, 91, Date.now()).users;
const EXISTING = USERS.slice(0, 8);
const NEWCOMERS = USERS.slice(8) as [User, User, User, User, ...User[]];

/**
 * Runs what the system does for its users: a backfill, sign-ups, changes of every kind, deletions and erasures, and the commands that read
 * the CRM.
 *
 * @param crmUrl a proxy in front of the simulator.
 * @throws Error if a command fails or a user is not in sync at the end.
 */
export async function runMainJobs(
  crmUrl: string,
  controlApi: ReturnType<typeof simulatorClient>,
): Promise<void> {
  const mappingFile = fileURLToPath(new URL(`../../${MAPPING}`, import.meta.url));
  writeFileSync(mappingFile, MAPPING_SOURCE);
  try {
    await controlApi.set('directory', { staff: ['heidi@example.com'] });
    // The other end-to-end tests run with nulls.
    await controlApi.set('answers', { nulls: false });
    const system = await startLocalSystem({
      settings: {
        crm: { url: crmUrl, windowSlackMs: BUSY_SLACK_MS },
        deletionPolicy: 'anonymise',
        mapping: MAPPING,
      },
      credentials: await controlApi.authorized(),
      existingUsers: EXISTING.map((user) => marshall(user, { removeUndefinedValues: true })),
    });
    const withdraw = publishConnection(system.connection);
    try {
      await useSystem(system, controlApi);
    } finally {
      withdraw();
      await system.stop();
    }
  } finally {
    rmSync(mappingFile);
  }
}

type System = Awaited<ReturnType<typeof startLocalSystem>>;

async function useSystem(system: System, controlApi: ReturnType<typeof simulatorClient>): Promise<void> {
  const { app, cloud } = system;
  const settle = () => cloud.untilIdle(SETTLE_MS);
  const run = commandsOn(() => system);
  const command = async (name: string, args: string[] = [], input = ''): Promise<string> => {
    const { code, out, err } = await run(name, args, { input });
    if (code !== 0) throw new Error(`user-sync ${name} exits with ${code}: ${out}${err}`);
    return out;
  };
  // The command makes at most two requests a second. Both end before an error of one is thrown and the system is stopped.
  const jobs = [command('acceptance', ['--users', '4', '--yes', '--json']), changeUsers()];
  await Promise.allSettled(jobs);
  await Promise.all(jobs);
  await settle();

  await controlApi.removeTag('Account Deleted');
  await command('catalog', ['--create']);
  await command('authorize', ['--service-account-key'], `${DEFAULT_TOKEN}\n`);
  const { changed, requests } = JSON.parse(await command('preview', ['--all', '--json']));
  if (changed !== 0 || requests !== 0) throw new Error(`${changed} users are not in sync at the end`);
  const deadLetters = await system.deadLetters();
  if (deadLetters > 0) throw new Error(`${deadLetters} dead letters`);

  async function changeUsers(): Promise<void> {
    const sfn = new SFNClient(cloud.sdk('SFN'));
    const backfill = await startBackfill(sfn, cloud.outputs['BackfillStateMachineArn'] ?? '', {});
    await followBackfill(sfn, backfill, 100, () => {});
    await signUpAll(app, NEWCOMERS);
    await settle();
    const [bursting, forgotten, deleted, lost] = NEWCOMERS;
    await makeEdits(app, dayOfEdits([...EXISTING, ...NEWCOMERS], 1));
    await burstOfEdits(app, bursting);
    // The contact of a row without its crm attribute is found by its email.
    await app.edit(lost.userId, { crm: undefined });
    await cloud.rotate('user-sync/crm');
    await app.remove(forgotten.userId);
    await app.remove(deleted.userId);
    await settle();
    await command('forget', ['--user', forgotten.userId]);
    await command('doctor', ['--json']);
    await command('preview', ['--user', bursting.userId]);
  }
}
