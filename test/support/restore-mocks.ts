import { createRequire } from 'node:module';
import { afterAll, vi } from 'vitest';

// aws-sdk-client-mock replaces `send` of a client class by the CommonJS build of sinon: the ES module is another instance.
const sinon: { restore(): void } = createRequire(import.meta.url)('sinon');

/** Test files of the project `unit` share a worker, so each puts back what it has replaced. */
afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  sinon.restore();
});
