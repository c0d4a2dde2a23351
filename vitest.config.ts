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
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          // Chaos runs need both cores of a small machine.
          fileParallelism: false,
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
