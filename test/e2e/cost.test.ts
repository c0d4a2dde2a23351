import { expect, it } from 'vitest';
import { measure } from '../cost/measure.ts';
import type { Usage } from '../cost/prices.ts';
import { billOf, readPrices } from '../cost/prices.ts';
import { scenariosOf, sharesOf } from '../cost/scenarios.ts';
import { sum } from '../support/sum.ts';

const USERS = 20;
const CHANGES = 4;

it('npm run cost counts the usage of a backfill, changes, a refresh, a rotation, a health check and polls', async () => {
  const polled = { contacts: 1500, changed: 5 };
  const counts = await measure({ users: USERS, changes: CHANGES, seed: 1, polls: polled }, () => {});
  const { backfill, changes, refresh, rotation, healthCheck, monthly, polls } = counts;

  expect(backfill.users).toBe(USERS);
  expect(backfill.calls['DynamoDB UpdateItem user table']?.calls).toBeGreaterThanOrEqual(USERS);
  // One message per user, and one for the tags of all.
  expect(backfill.calls['SQS SendMessageBatch queue']?.calls).toBeGreaterThanOrEqual(
    Math.ceil((USERS + 1) / 10),
  );
  expect(changes.calls['SQS SendMessageBatch queue']?.calls).toBeGreaterThan(0);
  // An item is larger than half a kilobyte, so a write takes one or two units.
  expect(backfill.usage.dynamodbWriteUnits).toBeGreaterThanOrEqual(USERS);
  expect(backfill.usage.stateTransitions).toBeGreaterThanOrEqual(5);
  expect(changes.usage.stateTransitions).toBeUndefined();
  // The change, its sync, and the stream record of the write-back.
  expect(changes.usage.lambdaRequests).toBeGreaterThanOrEqual(2 * CHANGES);
  expect(refresh).toMatchObject({ users: USERS + 1, usage: { stateTransitions: 7 } });
  expect(refresh.usage.dynamodbReadUnits).toBeGreaterThan(0);
  expect(rotation.secretCalls).toBeGreaterThanOrEqual(4);
  expect(healthCheck).toMatchObject({ lambdaRequests: 1, sqsFifoRequests: 1 });
  expect(healthCheck.dynamodbWriteUnits).toBeUndefined();
  expect(monthly).toMatchObject({ dashboardMonths: 1, secretMonths: 1 });
  expect(monthly.metricMonths).toBeGreaterThan(10);
  expect(polls).toMatchObject({
    contacts: 1500,
    events: 5,
    changes: { lambdaRequests: 1 },
    optOuts: { lambdaRequests: 1 },
    changed: { busEvents: 5, sqsRequests: expect.toSatisfy((count: number) => count > 5) },
    monthly: { secretMonths: 1, alarmMonths: expect.toSatisfy((count: number) => count > 0) },
  });
  expect(polls.listing.dynamodbReadUnits).toBeGreaterThan(polls.changes.dynamodbReadUnits ?? 0);
  const shares = sharesOf(counts, USERS, readPrices());
  const bill = (usage: Usage) => sum([...billOf(usage, readPrices()).values()]);
  const [first, second] = scenariosOf(counts, USERS);
  expect(sum(shares.map(({ backfillUsd }) => backfillUsd))).toBeCloseTo(bill(first?.usage ?? {}), 5);
  expect(sum(shares.map(({ changesUsd }) => changesUsd))).toBeCloseTo(bill(second?.usage ?? {}), 2);
  for (const { usage } of scenariosOf(counts, USERS)) expect(usage.lambdaRequests).toBeGreaterThan(0);
}, 480_000);
