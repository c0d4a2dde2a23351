import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { isOk, latencyOf } from '../../../../infra/cli/acceptance/report.ts';
import { countRequests } from '../../../../infra/cli/acceptance/requests-made.ts';
import {
  OtherRunError,
  type RunRecord,
  type RunRecordStore,
  takeRecord,
} from '../../../../infra/cli/acceptance/run-record.ts';
import { findLeftBehind } from '../../../../infra/cli/acceptance/session.ts';
import { countUsers } from '../../../../infra/cli/acceptance/system.ts';
import { memoryStore } from '../../../support/memory-store.ts';

const RUN = {
  runId: 'r',
  domain: 'example.com',
  users: 4,
  startedAt: '2027-01-01T00:00:00Z',
  contacts: [],
  retired: false,
};
const records = (): RunRecordStore => ({ ...memoryStore<RunRecord>(), remove: async () => {} });
const LONG_AGO = () => Date.now() - 3_600_000;

describe('the record of a run', () => {
  it('lets one process have it', async () => {
    const store = records();
    const first = await takeRecord(store, RUN, undefined);
    await expect(takeRecord(store, RUN, undefined)).rejects.toThrow(OtherRunError);
    await first.update({ contacts: [{ userId: 'u', contactId: 1 }] });
    expect((await store.read())?.value.contacts).toEqual([{ userId: 'u', contactId: 1 }]);
  });

  it('stops a process whose run another has taken over', async () => {
    const store = records();
    const first = await takeRecord(store, RUN, undefined);
    await takeRecord(store, RUN, 1);
    await expect(first.update({})).rejects.toThrow(OtherRunError);
  });

  it('stores changes that are made at once one after another', async () => {
    const store = records();
    const recorder = await takeRecord(store, RUN, undefined);
    await Promise.all([recorder.update({}), recorder.update({ retired: true }), recorder.update({})]);
    expect(await store.read()).toMatchObject({ version: 4, value: { retired: true } });
  });

  it('is that of a run that was left behind once its process shows no life any more', async () => {
    const store = records();
    expect(await findLeftBehind(store)).toBeUndefined();
    await takeRecord(store, RUN, undefined, LONG_AGO);
    expect(await findLeftBehind(store)).toMatchObject({ version: 1, run: { runId: 'r' } });
  });

  it('is not taken from a process that is alive', async () => {
    const store = records();
    const recorder = await takeRecord(store, RUN, undefined, () => Date.now() - 29_000);
    const looking = findLeftBehind(store);
    await recorder.update({});
    await expect(looking).rejects.toThrow(/is going on/);
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

describe('the figures of a run', () => {
  it('count requests by the log lines about its users alone', () => {
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

  it('tell the latencies of what was measured', () => {
    expect(latencyOf([])).toBeUndefined();
    expect(latencyOf([300, 100, 200.4])).toEqual({ count: 3, min: 100, median: 200, p99: 300, max: 300 });
  });

  it('are right only when nothing deviates, nothing was left out, and nothing is left', () => {
    const cleanUp = { runId: 'r', users: 4, contacts: 4, items: 4, remaining: [] };
    const right = { deviations: [], stopped: null, cleanUp };
    expect(isOk(right)).toBe(true);
    expect(isOk({ ...right, stopped: 'interrupted' })).toBe(false);
    expect(isOk({ ...right, cleanUp: { ...cleanUp, remaining: ['contact 1'] } })).toBe(false);
    const deviation = { userId: 'u', change: 'created' as const, field: 'f', expected: 'a', found: 'b' };
    expect(isOk({ ...right, deviations: [deviation] })).toBe(false);
  });
});
