import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { syncUser } from '../../shared/contacts/sync-user.ts';
import { type History, run } from './history.ts';
import { anyHistory } from './random-histories.ts';

/** Exports of a module that are functions which make objects. */
type Exports = Record<string, (...args: unknown[]) => object>;
type SyncUserArguments = Parameters<typeof syncUser>;

interface BrokenRule {
  rule: string;
  /** The module that has the rule, from this folder. */
  module: string;
  /** Broken versions of exports of the module. */
  broken: (original: Exports) => Exports | Promise<Exports>;
}

/** Rules of ownership (docs/decisions), each with modules that break it. To add a rule, add an entry. */
const BROKEN_RULES: readonly BrokenRule[] = [
  {
    rule: 'a contact is looked up before it is written, unless the user never had one',
    module: '../../shared/infusionsoft/client.ts',
    broken: ({ infusionsoftClient }) => ({
      infusionsoftClient: (options) => ({
        ...infusionsoftClient?.(options),
        findContactsByEmail: async () => [],
      }),
    }),
  },
  {
    rule: 'a contact is left only after another one is won',
    module: '../../shared/contacts/sync-user.ts',
    broken: ({ syncUser }) => ({
      async syncUser(...args) {
        const [{ userId, crm }, , { leaveContact, catalogSource }] = args as SyncUserArguments;
        if (crm?.contactId && crm.conflict)
          await leaveContact(crm.contactId, userId, await catalogSource.current());
        return syncUser?.(...args) ?? {};
      },
    }),
  },
  {
    rule: 'a conflict of two users is waited for',
    module: '../../shared/contacts/conflict.ts',
    broken: async ({ waitOrReject }) => {
      const { RejectedError } = await import('../../shared/sync/errors.ts');
      const failure = new RejectedError('contact-of-another-user', 'There is a conflict');
      return { waitOrReject: (...args) => ({ ...waitOrReject?.(...args), failure }) };
    },
  },
];

/** With this seed, each broken rule is found within 20 histories. */
const SEED = 31;
const RUNS = 300;

/** The first history that fails with the broken rule and passes with the real one. */
async function firstCaught(runBroken: typeof run): Promise<History | undefined> {
  for (const each of fc.sample(anyHistory, { seed: SEED, numRuns: RUNS }))
    if ((await runBroken(each)).length > 0 && (await run(each)).length === 0) return each;
  return undefined;
}

describe('random histories find a broken rule of ownership', () => {
  afterEach(() => {
    for (const { module } of BROKEN_RULES) vi.doUnmock(module);
    vi.resetModules();
  });

  it.each(BROKEN_RULES)('$rule', async ({ module, broken }) => {
    vi.resetModules();
    vi.doMock(module, async (importOriginal) => {
      const original = await importOriginal<Exports>();
      return { ...original, ...(await broken(original)) };
    });
    const { run: runBroken } = await import('./history.ts');
    expect(await firstCaught(runBroken)).toBeDefined();
  });
});
