import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type History, run } from './history.ts';
import { anyHistory } from './random-histories.ts';

/** Exports of a module that are functions which make objects. */
type Exports = Record<string, (...args: unknown[]) => object>;

interface BrokenRule {
  rule: string;
  /** The module that has the rule, from this folder. */
  module: string;
  /** Broken versions of exports of the module. */
  broken: (original: Exports) => Exports;
}

/** Rules of ownership, each broken. */
const BROKEN_RULES: readonly BrokenRule[] = [
  {
    rule: 'a contact that another user has claimed is not taken',
    module: '../../shared/contacts/claims.ts',
    broken: ({ claims }) => ({
      claims: (options) => ({ ...claims?.(options), claimContact: async () => false }),
    }),
  },
  {
    rule: 'an email that another user has claimed is not taken',
    module: '../../shared/contacts/claims.ts',
    broken: ({ claims }) => ({
      claims: (options) => ({ ...claims?.(options), claimEmail: async () => {} }),
    }),
  },
  {
    rule: 'a contact is looked up before it is written',
    module: '../../shared/infusionsoft/client.ts',
    broken: ({ infusionsoftClient }) => ({
      infusionsoftClient: (options) => ({
        ...infusionsoftClient?.(options),
        findContactsByEmail: async () => [],
      }),
    }),
  },
];

const SEED = 21;
const RUNS = 300;

/** The first history that ends right, but not without the rule. */
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
      return { ...original, ...broken(original) };
    });
    const { run: runBroken } = await import('./history.ts');
    expect(await firstCaught(runBroken)).toBeDefined();
  });
});
