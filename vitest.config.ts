import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // One processor less than there are, which is the default, leaves half of a small machine idle.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/long/**', 'test/deployment/**'],
          // The first template of a file loads the CDK, which takes seconds on a busy machine.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          globalSetup: 'test/support/synthesize-once.ts',
          setupFiles: ['test/support/own-connection-file.ts'],
          // The files mostly wait, each for a system of its own, so more of them run at a time than there are processors.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          setupFiles: ['test/support/own-connection-file.ts'],
        },
      },
      {
        test: {
          name: 'deployment',
          include: ['test/deployment/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // The parts build on each other.
          bail: 1,
        },
      },
    ],
  },
});
