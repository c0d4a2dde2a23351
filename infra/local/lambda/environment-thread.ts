/** The runtime inside an execution environment: loads a bundle once and runs its handler for one event at a time. */
import { enableCompileCache, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { InvocationMessage, ThreadMessage, ThreadSettings } from './environment-protocol.ts';

const { file, exportName, context }: ThreadSettings = workerData;

enableCompileCache();
registerHooks({
  resolve(specifier, origin, next) {
    // Lambda's runtime holds the SDK, and a bundle may leave it out; here it is this project's, wherever the assembly lies.
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

function post(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function describe(error: unknown) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}
