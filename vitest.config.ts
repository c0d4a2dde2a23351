import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Test files that read a synthesized template or run the synthesized state machine. */
const SYNTH = [
  'test/infra/*.test.ts',
  'test/infra/constructs/**/*.test.ts',
  'test/infra/monitoring/**/*.test.ts',
  'test/lambdas/backfill/**/*.test.ts',
  'test/lambdas/sync-contact/outage.test.ts',
  'test/demo/synthesized-assembly.test.ts',
];

/** Loads the modules of the system and of npm once per worker instead of once per file. */
const SHARED_WORKERS = {
  pool: 'threads' as 'threads' | 'forks',
  isolate: false,
  setupFiles: ['test/support/restore-mocks.ts'],
  testTimeout: 60_000,
};

/** End-to-end tests that wait for minutes. They start first, so that none is left over at the end. */
const SLOW = ['e2e/acceptance', 'e2e/chaos', 'e2e/main-job', 'e2e/backfill', 'e2e/quota'];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ moduleId }: TestSpecification) => SLOW.some((name) => moduleId.includes(name));
    const sorted = await super.sort(files);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    // Some tests wait, so more of them run at a time than there are processors.
    maxWorkers: '150%',
    projects: [
      {
        test: {
          ...SHARED_WORKERS,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SYNTH, 'test/e2e/**', 'test/long/**', 'test/deployment/**'],
        },
      },
      {
        test: {
          ...SHARED_WORKERS,
          name: 'synth',
          // The CDK bundles functions in child processes that write to this one's stderr, which a thread has not.
          pool: 'forks',
          include: SYNTH,
          globalSetup: ['test/support/synthesize-once.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          globalSetup: 'test/support/synthesize-local-system.ts',
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
          // Chaos runs need both cores of a small machine.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'deployment',
          include: ['test/deployment/**/*.test.ts'],
          globalSetup: 'test/deployment/install-python-tools.ts',
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // The parts build on each other.
          bail: 1,
        },
      },
    ],
  },
});
