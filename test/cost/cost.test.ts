import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { billOf, readPrices } from './prices.ts';
import { type Counts, scenariosOf, sharesOf, tracesOf } from './scenarios.ts';
import { billTable, DOCUMENTS, generatedBlocks, readCounts, sharesTable, withBlocks } from './tables.ts';

const COUNTS: Counts = {
  measuredOn: '2026-06-15',
  backfill: {
    users: 100,
    seconds: 5,
    usage: { lambdaRequests: 20, lambdaGbSeconds: 30, dynamodbWriteUnits: 400 },
    functions: { 'sync-contact': { invocations: 20, gbSeconds: 30, logBytes: 0 } },
    calls: { 'DynamoDB UpdateItem user table': { calls: 300, readUnits: 0, writeUnits: 400 } },
    polls: 0,
  },
  changes: {
    changes: 50,
    seconds: 40,
    usage: { lambdaRequests: 150, sqsFifoRequests: 150 },
    functions: {
      'sync-contact': { invocations: 50, gbSeconds: 0, logBytes: 0 },
      'diff-user': { invocations: 100, gbSeconds: 0, logBytes: 0 },
    },
    calls: { 'SQS SendMessageBatch queue': { calls: 50, readUnits: 0, writeUnits: 0 } },
    polls: 100,
  },
  refresh: { users: 100, usage: { dynamodbReadUnits: 10, lambdaGbSeconds: 0.02, stateTransitions: 4 } },
  rotation: { secretCalls: 9 },
  healthCheck: { lambdaRequests: 1 },
  polls: {
    contacts: 3000,
    events: 10,
    changes: { lambdaRequests: 1 },
    optOuts: { dynamodbReadUnits: 1 },
    listing: { dynamodbWriteUnits: 3 },
    changed: { lambdaGbSeconds: 1, busEvents: 10 },
    monthly: { alarmMonths: 3 },
  },
  monthly: { alarmMonths: 18, secretMonths: 1 },
};

describe('the bill', () => {
  it('is quantity times price, by service', () => {
    const bill = billOf({ lambdaRequests: 1_000_000, lambdaGbSeconds: 60_000, alarmMonths: 3 }, readPrices());
    expect(bill.get('Lambda')).toBeCloseTo(0.2 + 0.8, 3);
    expect(bill.get('CloudWatch')).toBeCloseTo(0.3, 9);
    expect(bill.get('SQS')).toBe(0);
  });

  it('uses other prices on request, and rejects unknown ones', () => {
    const usage = { sqsFifoRequests: 2_000_000 };
    expect(billOf(usage, readPrices({ sqsFifoRequests: 0.4 })).get('SQS')).toBeCloseTo(0.8, 9);
    expect(() => readPrices({ sqs: 1 })).toThrow(/no price sqs.*sqsFifoRequests/);
  });

  it('has a total that is the sum of its lines', () => {
    const { rows } = billTable(scenariosOf(COUNTS, 60_000), readPrices());
    for (const column of [1, 2, 3, 4]) {
      const dollars = rows.map((row) =>
        Number(/\$([\d.,]+)$/.exec(row[column] ?? '')?.[1]?.replace(',', '') ?? 0),
      );
      const inAll = dollars.at(-1) ?? 0;
      expect(inAll).toBeGreaterThan(0);
      const sum = dollars.slice(0, -1).reduce((total, each) => total + each, 0);
      expect(Math.abs(sum - inAll)).toBeLessThanOrEqual(0.01 * rows.length);
    }
  });
});

describe('the shares of the bill', () => {
  it.each([false, true])('add up to the bill, with tracing %s', (tracing) => {
    const prices = readPrices();
    const shares = sharesOf(COUNTS, 60_000, prices, { tracing });
    const bills = scenariosOf(COUNTS, 60_000, { tracing }).map(({ usage }) =>
      [...billOf(usage, prices).values()].reduce((sum, each) => sum + each, 0),
    );
    expect(shares.reduce((sum, { backfillUsd }) => sum + backfillUsd, 0)).toBeCloseTo(bills[0] ?? 0, 9);
    expect(shares.reduce((sum, { changesUsd }) => sum + changesUsd, 0)).toBeCloseTo(bills[1] ?? 0, 9);
    expect(shares.map(({ what }) => what)).toContain('sync-contact: time');
  });

  it('add up to the total of the table', () => {
    const { rows } = sharesTable(sharesOf(COUNTS, 60_000, readPrices()), ['a backfill', 'changes']);
    expect(rows.at(-1)).toEqual(['Total', '$0.39', '$2.10']);
    expect(rows).toContainEqual(['SQS SendMessageBatch queue', '–', '$0.50']);
  });
});

describe('traces', () => {
  it('are recorded for the first invocation in a second and for 5 % of the others', () => {
    expect(tracesOf(1000, 1e9)).toBeCloseTo(1000, 2);
    expect(tracesOf(1_000_000, 1000)).toBeCloseTo(1000 + 0.05 * 999_000, 3);
    expect(tracesOf(0, 10)).toBe(0);
  });

  it('are billed only when X-Ray is on', () => {
    const traces = (tracing: boolean) =>
      scenariosOf(COUNTS, 100, { tracing }).map(({ usage }) => usage.traces);
    expect(traces(false)).toEqual([undefined, undefined, undefined, undefined]);
    // 20 invocations in 5 seconds; 1 and 2 million in a month.
    expect(traces(true)).toEqual([
      expect.closeTo(tracesOf(20, 5), 6),
      expect.closeTo(tracesOf(1e6, 2_592_000) + tracesOf(2e6, 2_592_000), 6),
      undefined,
      undefined,
    ]);
  });
});

describe('the scenarios', () => {
  const [backfill, changes, month, polls] = scenariosOf(COUNTS, 60_000).map(({ usage }) => usage);

  it('are proportional to the users or the changes', () => {
    expect(backfill).toEqual({
      lambdaRequests: 12_000,
      lambdaGbSeconds: 18_000,
      dynamodbWriteUnits: 240_000,
    });
    expect(changes).toEqual({ lambdaRequests: 3_000_000, sqsFifoRequests: 3_000_000 });
    const twice = scenariosOf(COUNTS, 120_000);
    expect(twice[0]?.usage.lambdaRequests).toBe(24_000);
    expect(twice[1]?.usage).toEqual(changes);
  });

  it('of a month contain 30 refreshes of all users, 60 rotations, the pollers of the queue, a health check every five minutes, and fixed costs', () => {
    expect(month).toEqual({
      dynamodbReadUnits: 30 * 600 * 10,
      lambdaGbSeconds: 30 * 600 * 0.02,
      // 12 GB-seconds are two calls of 20 seconds with half a gigabyte.
      stateTransitions: 30 * 2 * 4,
      secretCalls: 60 * 9,
      sqsFifoRequests: 648_000,
      scheduledStarts: 30 + 8640,
      lambdaRequests: 8640,
      alarmMonths: 18,
      secretMonths: 1,
    });
  });

  it('of polls contain 96 polls of changes a day, 24 of opt-outs, a listing of as many contacts as users, and 600 events', () => {
    expect(polls).toEqual({
      lambdaRequests: 30 * 96,
      dynamodbReadUnits: 30 * 24,
      dynamodbWriteUnits: 30 * 3 * 20,
      lambdaGbSeconds: 30 * 60,
      busEvents: 30 * 600,
      scheduledStarts: 30 * (96 + 24 + 1),
      sqsRequests: 648_000,
      alarmMonths: 3,
    });
  });
});

describe('the documents', () => {
  it.each(DOCUMENTS)(
    '%s has the tables of the recorded counts and prices: npm run cost -- --recorded --write',
    (document) => {
      const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8');
      expect(text).toBe(withBlocks(text, generatedBlocks(readCounts())));
    },
  );

  it('have a place for every table, and no other places', () => {
    const texts = DOCUMENTS.map((document) =>
      readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8'),
    );
    const places = texts.flatMap((text) => [...text.matchAll(/<!-- (cost-\w+):/g)].map(([, name]) => name));
    expect(places.sort()).toEqual(Object.keys(generatedBlocks(COUNTS)).sort());
  });

  it('without a place are rejected', () => {
    expect(() => withBlocks('Nothing here', {})).toThrow(/no place/);
  });

  it('show costs within the budget', () => {
    const scenarios = scenariosOf(readCounts(), 60_000);
    const [backfill = Number.NaN, changes = Number.NaN] = scenarios.map(({ usage }) =>
      [...billOf(usage, readPrices()).values()].reduce((sum, each) => sum + each, 0),
    );
    expect(backfill).toBeLessThanOrEqual(1);
    expect(changes).toBeLessThanOrEqual(15);
  });

  it('price every counted usage, with a source for each price', () => {
    const { prices } = readPrices();
    for (const { source } of Object.values(prices))
      expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/.+\/pricing\//);
    const { backfill, changes } = readCounts();
    for (const usage of [backfill.usage, changes.usage])
      expect(usage).toMatchObject({
        lambdaRequests: expect.toSatisfy((count: number) => count > 0),
        sqsFifoRequests: expect.toSatisfy((count: number) => count > 0),
        dynamodbWriteUnits: expect.toSatisfy((count: number) => count > 0),
        dynamodbReadUnits: expect.toSatisfy((count: number) => count > 0),
        logGigabytes: expect.toSatisfy((count: number) => count > 0),
      });
  });
});
