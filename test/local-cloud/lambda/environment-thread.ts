/** The runtime in an execution environment: loads a bundle once and runs its handler for one event at a time. */
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { InvocationMessage, ThreadMessage, ThreadSettings } from './execution-environment.ts';

/** Scheduling period of Lambda's processors, as measured in "Peeking Behind the Curtains of Serverless Platforms". */
const PERIOD_US = 20_000;

const { file, exportName, context, processor }: ThreadSettings = workerData;

enableCompileCache();
registerHooks({
  resolve(specifier, origin, next) {
    // Lambda's runtime includes the SDK, so a bundle may omit it. Here it is the one of this project.
    return /^@(aws-sdk|smithy)\//.test(specifier) && !origin.parentURL?.includes('/node_modules/')
      ? next(specifier, { ...origin, parentURL: import.meta.url })
      : next(specifier, origin);
  },
});

const bundle: Record<string, unknown> = await import(pathToFileURL(file).href);
const handler = bundle[exportName];
if (typeof handler !== 'function')
  throw Object.assign(new Error(`${file} has no function ${exportName}`), {
    name: 'Runtime.HandlerNotFound',
  });

// Lambda does not limit the processor during a cold start.
if (processor) limitThisThread(processor);

parentPort?.on('message', async ({ requestId, event, deadline }: InvocationMessage) => {
  const invocation = {
    ...context,
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  try {
    const payload = JSON.stringify(await handler(JSON.parse(event), invocation));
    const { heapUsed, external } = process.memoryUsage();
    post({ kind: 'result', requestId, payload, heapBytes: heapUsed + external });
  } catch (error) {
    post({ kind: 'error', requestId, error: describe(error) });
  }
});
post({ kind: 'ready' });

/**
 * Moves the calling thread into a cgroup with a quota. Only cgroups of version 1 take single threads. Synchronous fs calls run on the
 * calling thread.
 */
function limitThisThread({ directory, share }: NonNullable<ThreadSettings['processor']>): void {
  const threadId = basename(readlinkSync('/proc/thread-self'));
  const group = join(directory, threadId);
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
  writeFileSync(join(group, 'cpu.cfs_quota_us'), String(Math.max(1000, Math.round(PERIOD_US * share))));
  writeFileSync(join(group, 'tasks'), threadId);
}

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function describe(error: unknown) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}
