import { describe, expect, it } from 'vitest';
import type { Run } from '../../../lambdas/backfill/run.ts';
import {
  AlreadyRunningError,
  continueRun,
  feedPage,
  plan,
  report,
  SupersededError,
} from '../../../lambdas/backfill/steps.ts';
import { contacts, start, tagged } from './start.ts';

describe('a run that is disturbed', () => {
  it('refuses to start beside another', async () => {
    const { context, ports } = start(1000);
    await plan({}, context);
    ports.running.add('arn:execution:run-1');
    await expect(plan({}, { ...context, executionArn: 'arn:execution:run-2' })).rejects.toThrow(
      AlreadyRunningError,
    );
  });

  it('takes over from one that was stopped, and that one cannot go on', async () => {
    const { context } = start(1000);
    const first = await plan({}, context);
    const second = { ...context, executionArn: 'arn:execution:run-2' };
    expect((await plan({}, second)).runId).toBe('run-2');
    await expect(feedPage(first, context)).rejects.toThrow(SupersededError);
  });

  it('loses nobody when a feeder dies between sending and recording: the page is fed again', async () => {
    const { context, ports, clock } = start(1000);
    const planned = await plan({}, context);
    await feedPage(planned, context);
    clock.now += 60_000;
    let run: Run = await feedPage(planned, context);
    while (run.next !== 'report') {
      clock.now += run.waitSeconds * 1000;
      run = await feedPage(run, context);
    }
    await report(run, context);
    expect(new Set(contacts(ports)).size).toBe(1000);
    expect(new Set(tagged(ports)).size).toBe(1000);
    expect(await ports.owner()).toBeUndefined();
  });

  it('looks seldom at a queue in which a message is stuck, and soon at one that moves', async () => {
    const { context, ports } = start(1);
    let run: Run = await feedPage(await plan({}, context), context);
    const waits = async (backlogs: number[]) => {
      const seconds: number[] = [];
      for (const backlog of backlogs) {
        ports.backlog = async () => backlog;
        run = await feedPage(run, context);
        seconds.push(run.waitSeconds);
      }
      return seconds;
    };
    expect(await waits([2, 2, 2, 3, 3, 1, 1, 1])).toEqual([2, 3, 4, 5, 6, 1, 2, 3]);
    const hour = await waits(Array<number>(200).fill(1));
    expect(hour.reduce((sum, seconds) => sum + seconds)).toBeGreaterThan(3600);
    expect(Math.max(...hour)).toBe(20);
    expect(await waits([0])).toEqual([0]);
    expect(run.next).toBe('report');
  });

  it('that a version before this one has begun goes on after a deploy', async () => {
    const { context } = start(1000);
    const { toTag: _, messages: __, mostRequests: ___, ...older } = await plan({}, context);
    const run = await feedPage({ ...older, input: { ...older.input, maxBacklog: 250 } } as Run, context);
    expect(run).toMatchObject({ next: 'drain', input: { maxBacklog: 250 } });
    expect(run.toTag.userIds.length).toBeGreaterThan(0);
  });

  it('that is continued hands itself over to the new execution', async () => {
    const { context, ports } = start(1000);
    const run = await feedPage(await plan({}, context), context);
    const continued = await continueRun(run, context);
    expect(ports.started).toMatchObject([
      { name: 'run-1-2', input: { cursor: run.cursor, pages: 0, executions: 2 } },
    ]);
    expect(await ports.owner()).toEqual({ runId: 'run-1', executionArn: continued.continuedIn });
    await feedPage(continued, { ...context, executionArn: continued.continuedIn });
  });
});
