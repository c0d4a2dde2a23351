import { expect, it, vi } from 'vitest';
import { WaitingQueue } from '../simulated/waiting-queue.ts';

const bodies = (records: Awaited<ReturnType<WaitingQueue['receive']>>) => records.map(({ body }) => body);
const nothing = new Set<string>();

it('delivers messages of a group in order, and none while one of them is in flight', async () => {
  const queue = new WaitingQueue();
  for (const [group, body] of [
    ['a', 'a1'],
    ['a', 'a2'],
    ['b', 'b1'],
    ['a', 'a3'],
  ] as const)
    queue.send(group, body);
  const first = await queue.receive(2);
  expect(bodies(first)).toEqual(['a1', 'a2']);
  const second = await queue.receive(10);
  expect(bodies(second)).toEqual(['b1']);
  queue.settle(first, nothing);
  expect(bodies(await queue.receive(10))).toEqual(['a3']);
  expect(queue.size).toBe(2);
});

it('delivers failed messages again before later ones, and counts receives', async () => {
  const queue = new WaitingQueue();
  queue.send('a', 'a1');
  queue.send('a', 'a2');
  const failed = await queue.receive(1);
  queue.settle(failed, new Set(failed.map(({ messageId }) => messageId)));
  const again = await queue.receive(10);
  expect(bodies(again)).toEqual(['a1', 'a2']);
  expect(again.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual(['2', '1']);
});

it('delivers no message of a group until the visibility timeout of its first message ends', async () => {
  vi.useFakeTimers();
  try {
    const queue = new WaitingQueue();
    queue.send('a', 'a1');
    const records = await queue.receive(1);
    queue.hide(records, 999.5);
    queue.settle(records, new Set(records.map(({ messageId }) => messageId)));
    queue.send('a', 'a2');
    queue.send('b', 'b1');
    expect(bodies(await queue.receive(10))).toEqual(['b1']);
    const later = queue.receive(10);
    await vi.advanceTimersByTimeAsync(1000);
    expect(bodies(await later)).toEqual(['a1', 'a2']);
  } finally {
    vi.useRealTimers();
  }
});

it('wakes waiting calls when a message arrives, and when it stops', async () => {
  const queue = new WaitingQueue();
  const waiting = queue.receive(10);
  queue.send('a', 'a1');
  expect(bodies(await waiting)).toEqual(['a1']);
  const sent = queue.receive(10);
  queue.stop();
  expect(await sent).toEqual([]);
});
