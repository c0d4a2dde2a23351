import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const PROCESSORS = availableParallelism();

// Tests start many processes, such as commands and the app of the CDK. With a cache, these compile their modules only once.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'node-compile-cache');

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
const SLOW = ['acceptance', 'chaos', 'main-job', 'quota', 'backfill', 'cost', 'commands', 'crm', 'mapping'];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const slow = SLOW.flatMap((name) => sorted.filter(({ moduleId }) => moduleId.includes(`/e2e/${name}`)));
    return [...new Set([...slow, ...sorted])];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          ...SHARED_WORKERS,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SYNTH, 'test/e2e/**', 'test/long/**', 'test/deployment/**'],
          // Some tests wait, so more files run at a time than there are processors. Vitest limits a percentage to the processors.
          maxWorkers: 2 * PROCESSORS,
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
          // Only test/infra/rules.test.ts lets the CDK validate the templates, which takes a third of the time.
          env: { CDK_VALIDATION: 'false' },
          maxWorkers: PROCESSORS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          isolate: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          globalSetup: 'test/support/synthesize-local-system.ts',
          setupFiles: ['test/support/own-connection-file.ts'],
          // The files mostly wait, each for a system of its own, so more of them run at a time than there are processors.
          maxWorkers: 3 * PROCESSORS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          setupFiles: ['test/support/own-connection-file.ts'],
          // Chaos runs need both cores of a small machine.
          fileParallelism: false,
          // Each request stays in memory until its time-out would end, also on a simulated clock: gigabytes in thousands of histories.
          execArgv: ['--max-old-space-size=8192'],
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
          // The files mostly wait, each for an emulator of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
