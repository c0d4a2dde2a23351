import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { billTable } from '../../../infra/cost/cost-tables.ts';
import { DOCUMENTS, generatedBlocks, readCounts, withBlocks } from '../../../infra/cost/documents.ts';
import { billOf, readPrices } from '../../../infra/cost/prices.ts';
import { type Counts, scenariosOf } from '../../../infra/cost/scenarios.ts';

const COUNTS: Counts = {
  measuredOn: '2026-06-15',
  backfill: { users: 100, usage: { lambdaRequests: 20, lambdaGbSeconds: 30, dynamodbWriteUnits: 400 } },
  changes: { changes: 50, usage: { lambdaRequests: 150, sqsFifoRequests: 150 } },
  refresh: { users: 100, usage: { dynamodbReadUnits: 10, lambdaGbSeconds: 0.02, stateTransitions: 4 } },
  rotation: { secretCalls: 9 },
  healthCheck: { lambdaRequests: 1 },
  standing: { alarmMonths: 18, secretMonths: 1 },
  calls: { 'SQS SendMessageBatch queue': { backfill: 10, changes: 50 } },
};

describe('the bill', () => {
  it('is units times prices, by service', () => {
    const bill = billOf({ lambdaRequests: 1_000_000, lambdaGbSeconds: 60_000, alarmMonths: 3 }, readPrices());
    expect(bill.get('Lambda')).toBeCloseTo(0.2 + 0.8, 3);
    expect(bill.get('CloudWatch')).toBeCloseTo(0.3, 9);
    expect(bill.get('SQS')).toBe(0);
  });

  it('follows prices of your own, and knows no others', () => {
    const usage = { sqsFifoRequests: 2_000_000 };
    expect(billOf(usage, readPrices({ sqsFifoRequests: 0.4 })).get('SQS')).toBeCloseTo(0.8, 9);
    expect(() => readPrices({ sqs: 1 })).toThrow(/no price sqs.*sqsFifoRequests/);
  });

  it('in all is the sum of its lines', () => {
    const { rows } = billTable(scenariosOf(COUNTS, 60_000), readPrices());
    for (const column of [1, 2, 3]) {
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

describe('the scenarios', () => {
  const [backfill, changes, month] = scenariosOf(COUNTS, 60_000).map(({ usage }) => usage);

  it('are in proportion to the users, or to the changes', () => {
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

  it('of a month count 30 refreshes of all users, 60 renewals, the pollers of the queue, a health check each five minutes, and what stands', () => {
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
});

describe('the documents', () => {
  it.each(DOCUMENTS)(
    '%s has the tables of the counts and prices that are kept: npm run cost -- --recorded --write',
    (document) => {
      const text = readFileSync(new URL(`../../../${document}`, import.meta.url), 'utf8');
      expect(text).toBe(withBlocks(text, generatedBlocks(readCounts())));
    },
  );

  it('have a place for every table, and for no other', () => {
    const texts = DOCUMENTS.map((document) =>
      readFileSync(new URL(`../../../${document}`, import.meta.url), 'utf8'),
    );
    const places = texts.flatMap((text) => [...text.matchAll(/<!-- (cost-\w+):/g)].map(([, name]) => name));
    expect(places.sort()).toEqual(Object.keys(generatedBlocks(COUNTS)).sort());
  });

  it('without a place are not written', () => {
    expect(() => withBlocks('Nothing here', {})).toThrow(/no place/);
  });

  it('price what was counted, and name where each price is from', () => {
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
