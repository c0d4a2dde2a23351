import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { isOk, latencyOf } from '../../../../infra/cli/acceptance/report.ts';
import { countRequests } from '../../../../infra/cli/acceptance/requests-made.ts';
import { OtherRunError, takeRecord } from '../../../../infra/cli/acceptance/run-record.ts';
import { findLeftBehind } from '../../../../infra/cli/acceptance/session.ts';
import { countUsers } from '../../../../infra/cli/acceptance/system.ts';
import { RUN, runRecords } from '../../../support/acceptance-run.ts';

const LONG_AGO = () => Date.now() - 3_600_000;

describe('the record of a run', () => {
  it('belongs to one process at a time', async () => {
    const store = runRecords();
    const first = await takeRecord(store, RUN, undefined);
    await expect(takeRecord(store, RUN, undefined)).rejects.toThrow(OtherRunError);
    await first.update({ contacts: [{ userId: 'u', contactId: 1 }] });
    expect((await store.read())?.value.contacts).toEqual([{ userId: 'u', contactId: 1 }]);
  });

  it('stops a process whose run another has taken over', async () => {
    const store = runRecords();
    const first = await takeRecord(store, RUN, undefined);
    await takeRecord(store, RUN, 1);
    await expect(first.update({})).rejects.toThrow(OtherRunError);
  });

  it('stores simultaneous changes one after another', async () => {
    const store = runRecords();
    const recorder = await takeRecord(store, RUN, undefined);
    await Promise.all([recorder.update({}), recorder.update({ retired: true }), recorder.update({})]);
    expect(await store.read()).toMatchObject({ version: 4, value: { retired: true } });
  });

  it('counts as left behind once its process no longer extends it', async () => {
    const store = runRecords();
    expect(await findLeftBehind(store)).toBeUndefined();
    await takeRecord(store, RUN, undefined, LONG_AGO);
    expect(await findLeftBehind(store)).toMatchObject({ version: 1, run: { runId: 'r' } });
  });

  it('is not taken from a process that is alive', async () => {
    const store = runRecords();
    const recorder = await takeRecord(store, RUN, undefined, () => Date.now() - 29_000);
    const looking = findLeftBehind(store);
    await recorder.update({});
    await expect(looking).rejects.toThrow(/is in progress/);
  });
});

describe('the users of a table', () => {
  it('are counted by a scan that ends as soon as there are too many', async () => {
    const dynamodb = mockClient(DynamoDBClient);
    const more = { LastEvaluatedKey: { userId: { S: 'u' } } };
    dynamodb.on(ScanCommand).resolves({ Count: 600, ...more });
    expect(await countUsers(new DynamoDBClient(), 'users', 1000)).toBe(1200);
    expect(dynamodb.commandCalls(ScanCommand).map(({ args }) => args[0].input)).toMatchObject([
      { TableName: 'users', Select: 'COUNT', Limit: 1001 },
      { Limit: 401, ExclusiveStartKey: more.LastEvaluatedKey },
    ]);
    dynamodb.reset();
    dynamodb
      .on(ScanCommand)
      .resolvesOnce({ Count: 0, ...more })
      .resolves({ Count: 7 });
    expect(await countUsers(new DynamoDBClient(), 'users', 1000)).toBe(7);
  });
});

describe('the report of a run', () => {
  it('counts the requests in log lines about its own users only', () => {
    const line = (userId: string, requests: string[], causes = ['changed']) =>
      `SyncContact ${JSON.stringify({ message: 'Synced', userId, requests, causes })}`;
    const lines = [
      line('acceptance-r-1', ['PUT', 'POST'], ['created']),
      line('acceptance-r-2', ['PUT', 'POST', 'POST'], ['created']),
      line('acceptance-r-3', ['PUT', 'POST'], ['created']),
      line('acceptance-r-1', ['PATCH']),
      line('acceptance-x-1', ['PATCH']),
      line('someone', ['PATCH']),
      'SyncContact {"message":"Change sent","userId":"acceptance-r-1"}',
      'START RequestId: acceptance-r-1 {',
    ];
    expect(countRequests(lines, 'acceptance-r-')).toEqual({
      total: 8,
      users: 3,
      perUser: 8 / 3,
      perNewUser: 2,
    });
    expect(countRequests([], 'acceptance-r-')).toEqual({ total: 0, users: 0, perUser: 0, perNewUser: null });
  });

  it('has latencies only of changes that were measured', () => {
    expect(latencyOf([])).toBeUndefined();
    expect(latencyOf([300, 100, 200.4])).toEqual({ count: 3, min: 100, median: 200, p99: 300, max: 300 });
  });

  it('is ok only when nothing deviates, the run was not stopped, and nothing of it remains', () => {
    const cleanUp = { runId: 'r', users: 4, contacts: 4, items: 4, remaining: [] };
    const right = { deviations: [], stopped: null, cleanUp };
    expect(isOk(right)).toBe(true);
    expect(isOk({ ...right, stopped: 'interrupted' })).toBe(false);
    expect(isOk({ ...right, cleanUp: { ...cleanUp, remaining: ['contact 1'] } })).toBe(false);
    const deviation = { userId: 'u', change: 'created' as const, field: 'f', expected: 'a', found: 'b' };
    expect(isOk({ ...right, deviations: [deviation] })).toBe(false);
  });
});
