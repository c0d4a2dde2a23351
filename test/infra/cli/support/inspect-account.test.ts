import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { inspectAccount } from '../../../../infra/cli/support/inspect-account.ts';
import { commandWith } from '../../../../infra/cli/support/stack-option.ts';
import { emptyLedger, type Ledger } from '../../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';
import type { Inspection, SyncTable } from '../../../../shared/store/sync-table.ts';

const sqs = mockClient(SQSClient);
beforeEach(() => {
  sqs.reset();
  sqs.on(SendMessageCommand).resolves({});
});

const requirements = { tags: [], customFields: [], leadSources: [], contactTypes: [], staff: false };
const budget = { limits: PRESETS.team, liveReserve: 0.2 };
const REQUEST = {
  command: commandWith(' --local'),
  queueUrl: 'queue',
  requirements,
  create: false,
  budget,
  timeoutMs: 50,
};
const messages = () => sqs.commandCalls(SendMessageCommand).map(({ args }) => args[0].input);

/** @param answer the inspection that the sync writes for an id. */
function tableWith(ledger?: Ledger, answer: (inspectionId: string) => object | undefined = () => undefined) {
  const stored = ledger && { value: ledger, version: 1 };
  return {
    ledger: { read: async () => stored },
    readInspection: async () => answer(JSON.parse(messages().at(-1)?.MessageBody ?? '{}').inspectionId),
  } as unknown as SyncTable;
}

describe('an inspection of the account', () => {
  it('is the one that was asked for, once it is whole', async () => {
    let reads = 0;
    const table = tableWith(undefined, (inspectionId) => {
      reads++;
      return reads === 1 ? { inspectionId: 'other' } : { inspectionId, isPartial: reads === 2 };
    });
    const found: Inspection = await inspectAccount(new SQSClient(), table, { ...REQUEST, timeoutMs: 10_000 });
    expect(found.isPartial).toBe(false);
    expect(reads).toBe(3);
  });

  it('that is never made says why that may be', async () => {
    await expect(inspectAccount(new SQSClient(), tableWith(), REQUEST)).rejects.toThrow(
      /not inspected.*\(npx --no user-sync redrive --dry-run --local\)/,
    );
  });

  it('does not wait for one that is hidden in the queue', async () => {
    for (let time = 0; time < 2; time++)
      await expect(inspectAccount(new SQSClient(), tableWith(), REQUEST)).rejects.toThrow(/not inspected/);
    expect(new Set(messages().map(({ MessageGroupId }) => MessageGroupId)).size).toBe(2);
  });

  it.each<[string, (now: number) => Partial<Ledger>]>([
    ['operator', (now) => ({ pause: { reason: 'operator', since: now, until: now + 60_000 } })],
    ['day', (now) => ({ day: { ...emptyLedger(now).day, used: PRESETS.team.day } })],
  ])('is not asked for during a pause that is too long to wait for (%s)', async (reason, state) => {
    const ledger = { ...emptyLedger(Date.now()), ...state(Date.now()) };
    const until = ledger.pause?.until ?? ledger.day.resetsAt;
    await expect(inspectAccount(new SQSClient(), tableWith(ledger), REQUEST)).rejects.toThrow(
      `paused until ${new Date(until).toISOString()} (${reason})`,
    );
    expect(messages()).toEqual([]);
  });

  it('is asked for during a pause that ends in time', async () => {
    const [now, until] = [Date.now(), Date.now() + 2000];
    const ledger: Ledger = { ...emptyLedger(now), pause: { reason: 'minute', since: now, until } };
    const table = tableWith(ledger, (inspectionId) => ({ inspectionId, isPartial: false }));
    expect(await inspectAccount(new SQSClient(), table, { ...REQUEST, timeoutMs: 10_000 })).toBeDefined();
  });
});
