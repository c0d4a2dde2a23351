import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import * as z from 'zod';

const HANDLER = fileURLToPath(new URL('../../lambdas/diff-user/handler.ts', import.meta.url));
/** A line in the handler that runs for each batch of changes. */
const LINE = /await sendInOrder/;

const messageSchema = z.looseObject({ method: z.string().optional(), params: z.unknown().optional() });
const attachedSchema = z.looseObject({ sessionId: z.string() });
const fromWorkerSchema = z.object({ sessionId: z.string(), message: z.string() });
const pausedSchema = z.looseObject({
  hitBreakpoints: z.array(z.string()).default([]),
  callFrames: z.array(z.looseObject({ location: z.looseObject({ lineNumber: z.int() }) })),
});

/**
 * Sets a breakpoint in all worker threads of a process, over the inspector protocol, as an editor does.
 *
 * @returns id of the first breakpoint hit, which ends in its URL, and the line (from 0).
 */
async function firstStop(inspectorUrl: string, url: string, lineNumber: number) {
  const socket = new WebSocket(inspectorUrl);
  await once(socket, 'open');
  let id = 0;
  const send = (method: string, params: object = {}) =>
    socket.send(JSON.stringify({ id: ++id, method, params }));
  const sendToWorker = (sessionId: string, method: string, params: object = {}) =>
    send('NodeWorker.sendMessageToWorker', {
      sessionId,
      message: JSON.stringify({ id: ++id, method, params }),
    });
  const stopped = Promise.withResolvers<{ breakpointId: string; lineNumber: number }>();
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = messageSchema.parse(JSON.parse(String(data)));
    if (method === 'NodeWorker.attachedToWorker') {
      const { sessionId } = attachedSchema.parse(params);
      sendToWorker(sessionId, 'Debugger.enable');
      sendToWorker(sessionId, 'Debugger.setBreakpointByUrl', { url, lineNumber });
      sendToWorker(sessionId, 'Runtime.runIfWaitingForDebugger');
    }
    if (method !== 'NodeWorker.receivedMessageFromWorker') return;
    const { sessionId, message } = fromWorkerSchema.parse(params);
    const fromWorker = messageSchema.parse(JSON.parse(message));
    if (fromWorker.method !== 'Debugger.paused') return;
    const { hitBreakpoints, callFrames } = pausedSchema.parse(fromWorker.params);
    // A thread also stops at its start, so that breakpoints can be set.
    const [breakpointId] = hitBreakpoints;
    if (breakpointId === undefined) return sendToWorker(sessionId, 'Debugger.resume');
    const [frame] = callFrames;
    stopped.resolve({ breakpointId, lineNumber: frame?.location.lineNumber ?? -1 });
  });
  send('NodeWorker.enable', { waitForDebuggerOnStart: true });
  try {
    return await stopped.promise;
  } finally {
    socket.close();
  }
}

it('node --inspect stops at a breakpoint in the source of a function', async () => {
  const lineNumber = readFileSync(HANDLER, 'utf8')
    .split('\n')
    .findIndex((line) => LINE.test(line));
  expect(lineNumber).toBeGreaterThan(0);
  const child = spawn(process.execPath, ['--inspect=0', 'test/demo/main.ts', '--users', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    for await (const line of createInterface(child.stderr)) {
      const inspectorUrl = /Debugger listening on (ws:\S+)/.exec(line)?.[1];
      if (!inspectorUrl) continue;
      const url = pathToFileURL(HANDLER).href;
      expect(await firstStop(inspectorUrl, url, lineNumber)).toEqual({
        breakpointId: expect.stringContaining(url),
        lineNumber,
      });
      return;
    }
    throw new Error('The process has no inspector');
  } finally {
    child.kill();
    await once(child, 'close');
  }
});
