import { defineConfig } from 'vitest/config';

/** The unit tests of the core as Stryker runs them: without projects, and with the same random values for every mutant. */
export default defineConfig({
  test: {
    // MUTATION_TESTS limits the tests, for example to one folder: minutes instead of an hour.
    include: [process.env['MUTATION_TESTS'] ?? 'test/{shared,lambdas}/**/*.test.ts'],
    // They run the synthesized state machine: too slow to repeat for each mutant.
    exclude: ['test/lambdas/backfill/state-machine.test.ts', 'test/lambdas/sync-contact/outage.test.ts'],
    pool: 'threads',
    isolate: false,
    setupFiles: ['test/support/restore-mocks.ts', 'test/mutation/fixed-seed.ts'],
    testTimeout: 60_000,
  },
});
