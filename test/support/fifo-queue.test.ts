import { describe, expect, it } from 'vitest';
import { FifoQueue } from './fifo-queue.ts';

const VISIBILITY_MS = 100;

describe('the simulated FIFO queue', () => {
  const queueWith = (...groups: string[]) => {
    const queue = new FifoQueue();
    for (const [index, group] of groups.entries()) queue.send(group, `${group}${index}`, 0);
    const receive = (now: number, max = 10) => queue.receive(max, now, VISIBILITY_MS);
    const bodies = (now: number, max?: number) => receive(now, max).map(({ body }) => body);
    return { queue, receive, bodies };
  };

  it('delivers the messages of several groups in order', () => {
    expect(queueWith('a', 'b', 'a').bodies(0)).toEqual(['a0', 'b1', 'a2']);
  });

  it('holds a group back while one of its messages is hidden', () => {
    const { bodies } = queueWith('a', 'a', 'b');
    expect(bodies(0, 1)).toEqual(['a0']);
    expect(bodies(1)).toEqual(['b2']);
  });

  it('delivers a message again after the visibility time-out, and counts it', () => {
    const { receive } = queueWith('a');
    receive(0);
    expect(receive(VISIBILITY_MS)[0]?.attributes.ApproximateReceiveCount).toBe('2');
  });

  it('delivers a message that was hidden for longer when that time is over', () => {
    const { queue, receive, bodies } = queueWith('a');
    queue.hide(receive(0), 500);
    expect(queue.nextVisibleAt(0)).toBe(500);
    expect(bodies(499)).toEqual([]);
    expect(bodies(500)).toEqual(['a0']);
  });

  it('goes on with the group once the message before is deleted', () => {
    const { queue, receive, bodies } = queueWith('a', 'a');
    queue.delete(receive(0, 1));
    expect(bodies(1)).toEqual(['a1']);
    expect(queue.size).toBe(1);
  });
});
