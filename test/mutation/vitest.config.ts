import { defineConfig } from 'vitest/config';

/** The unit tests as Stryker runs them: one process, no projects, and the same random values for every mutant. */
export default defineConfig({
  test: {
    include: ['test/{shared,lambdas}/**/*.test.ts'],
    isolate: false,
    exclude: ['test/lambdas/backfill/{backfill,disturbed-run,run-with-consumer}.test.ts', 'test/shared/contacts/tag-job*.test.ts', 'test/shared/aws/**'],
    setupFiles: ['test/mutation/fixed-seed.ts'],
    testTimeout: 60_000,
  },
});
