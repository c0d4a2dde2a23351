import * as z from 'zod';
import { sum } from '../support/sum.ts';
import { type Prices, priceOf, sumOf, times, type Usage, usageSchema } from './prices.ts';

/** Usage of one function. */
const functionUseSchema = z.object({
  invocations: z.int(),
  gbSeconds: z.number(),
  /** Bytes of its own lines and of Lambda's platform lines. */
  logBytes: z.int(),
});
/** Usage of calls of one operation on one resource. */
const callUseSchema = z.object({ calls: z.int(), readUnits: z.number(), writeUnits: z.number() });

/** Usage of some work, in total and by function and call. */
const workSchema = z.object({
  /** Duration. */
  seconds: z.number().positive(),
  usage: usageSchema,
  /** By folder under `lambdas/`. */
  functions: z.record(z.string(), functionUseSchema),
  /** By service, operation and resource. */
  calls: z.record(z.string(), callUseSchema),
  /** Requests of Lambda's pollers to the queue. */
  polls: z.int(),
});
export type Work = z.infer<typeof workSchema>;

/** Usage counted on the running system. Written by `npm run cost -- --write`. */
export const countsSchema = z.object({
  /** Date of the measurement. */
  measuredOn: z.iso.date(),
  /** A backfill of users that the CRM does not have. */
  backfill: workSchema.extend({ users: z.int().positive() }),
  /** Changes that reach the CRM, one at a time. Batches of many cost less. */
  changes: workSchema.extend({ changes: z.int().positive() }),
  /** A daily refresh without changes. */
  refresh: z.object({ users: z.int().positive(), usage: usageSchema }),
  /** One rotation of the OAuth tokens. */
  rotation: usageSchema,
  /** One health check. */
  healthCheck: usageSchema,
  /** Polls of the CRM (`events` in the settings) with a callback. */
  polls: z.object({
    /** Contacts of the CRM. */
    contacts: z.int().positive(),
    /** Events about changed contacts. */
    events: z.int().positive(),
    /** A poll of changes, a listing of opt-outs and a full listing that find nothing new. */
    changes: usageSchema,
    optOuts: usageSchema,
    listing: usageSchema,
    /** A poll that finds the changes of these events, and the delivery to the callback. */
    changed: usageSchema,
    /** Fixed monthly usage in addition to that of a system without polls. */
    monthly: usageSchema,
  }),
  /** Fixed monthly usage, from the template and the emitted metrics. */
  monthly: usageSchema,
});
export type Counts = z.infer<typeof countsSchema>;

/** Something that the system does, with its usage. */
export interface Scenario {
  name: string;
  usage: Usage;
}

const DAYS = 30;
/** Default of `crm.tokenRotationHours` in infra/config.ts. */
const ROTATIONS_A_DAY = 2;
/** Every five minutes, see `infra/constructs/health-check.ts`. */
const HEALTH_CHECKS = DAYS * 24 * 12;
/** Defaults of `events.intervalMinutes` and `events.optOutMinutes`, and a listing each day. */
const POLLS_A_DAY = { changes: 96, optOuts: 24, listing: 1 };
/** Changes that people make in the CRM each day. */
const CHANGES_A_DAY = 600;
const MILLION = 1_000_000;
/**
 * Lambda polls an idle queue with a maximum concurrency by five pollers (AWS Lambda developer guide, "Configuring scaling behavior for
 * SQS event source mappings"), each with long polls of 20 seconds.
 */
const IDLE_POLLS = (5 * DAYS * 24 * 3600) / 20;

/** One invocation of the backfill function runs for 20 seconds with 512 MB (lambdas/backfill/handler.ts, infra/constructs/backfill.ts). */
const CALL_GB_SECONDS = 20 * 0.5;

const SECONDS_A_MONTH = DAYS * 24 * 3600;

/**
 * Traces that X-Ray records of a function: the first invocation in each second, and 5 % of the others ("The sampling rate is 1 request per
 * second and 5 percent of additional requests", AWS Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray";
 * it cannot be configured there). Assumes that invocations come at random moments.
 */
export function tracesOf(invocations: number, seconds: number): number {
  const secondsWithOne = seconds * (1 - Math.exp(-invocations / seconds));
  return secondsWithOne + 0.05 * (invocations - secondsWithOne);
}

const tracesOfAll = (functions: Work['functions'], factor: number, seconds: number): number =>
  Object.values(functions).reduce((sum, { invocations }) => sum + tracesOf(invocations * factor, seconds), 0);

/** Usage that is billed by month: resources of the template, and emitted metrics. */
export function monthlyUsageOf(
  resources: Readonly<Record<string, { Type: string }>>,
  metricMonths: number,
): Usage {
  const count = (type: string) => Object.values(resources).filter(({ Type }) => Type === type).length;
  return {
    metricMonths,
    alarmMonths: count('AWS::CloudWatch::Alarm'),
    dashboardMonths: count('AWS::CloudWatch::Dashboard'),
    secretMonths: count('AWS::SecretsManager::Secret'),
    keyMonths: count('AWS::KMS::Key'),
  };
}

/** Usage of a month of polls, in addition to everything else. The CRM has as many contacts as the app has users. */
function monthOfPolls({ contacts, events, ...polls }: Counts['polls'], users: number): Usage {
  return sumOf(
    times(polls.changes, DAYS * POLLS_A_DAY.changes),
    times(polls.optOuts, DAYS * POLLS_A_DAY.optOuts),
    times(polls.listing, (DAYS * POLLS_A_DAY.listing * users) / contacts),
    times(polls.changed, (DAYS * CHANGES_A_DAY) / events),
    { scheduledStarts: DAYS * sum(Object.values(POLLS_A_DAY)), sqsRequests: IDLE_POLLS },
    polls.monthly,
  );
}

/**
 * The four scenarios. Usage of a backfill and of changes is proportional to their number.
 *
 * @param users of the app.
 * @param tracing whether X-Ray is on (`tracing` in the settings). The changes are then assumed to happen within a month. Traces are left
 *   out for the months without a change and of polls, where they cost cents.
 */
export function scenariosOf(counts: Counts, users: number, { tracing = false } = {}): Scenario[] {
  const { backfill, changes, refresh, rotation, healthCheck, monthly } = counts;
  const [byUsers, byChanges] = [users / backfill.users, MILLION / changes.changes];
  const traces = (work: Work, factor: number, seconds: number): Usage =>
    tracing ? { traces: tracesOfAll(work.functions, factor, seconds) } : {};
  return [
    {
      name: `Backfill of ${users.toLocaleString('en-US')} users`,
      usage: sumOf(times(backfill.usage, byUsers), traces(backfill, byUsers, backfill.seconds * byUsers)),
    },
    {
      name: 'A million changes',
      usage: sumOf(times(changes.usage, byChanges), traces(changes, byChanges, SECONDS_A_MONTH)),
    },
    {
      name: 'A month without a change',
      usage: sumOf(
        times(refreshOf(refresh, users), DAYS),
        times(rotation, DAYS * ROTATIONS_A_DAY),
        times(healthCheck, HEALTH_CHECKS),
        { sqsFifoRequests: IDLE_POLLS, scheduledStarts: DAYS + HEALTH_CHECKS },
        monthly,
      ),
    },
    { name: `A month of polls, ${CHANGES_A_DAY} events a day`, usage: monthOfPolls(counts.polls, users) },
  ];
}

/** A part of the bill: a function or call, and what it costs. */
export interface Share {
  what: string;
  backfillUsd: number;
  changesUsd: number;
}

/** Costs of a backfill and of a million changes by function and call, most expensive first. */
export function sharesOf(counts: Counts, users: number, prices: Prices, { tracing = false } = {}): Share[] {
  const { backfill, changes } = counts;
  const usd = (unit: keyof Usage, count: number) => priceOf(unit, count, prices);
  const [byUsers, byChanges] = [users / backfill.users, MILLION / changes.changes];
  const dollarsIn = (work: Work, factor: number, seconds: number): Map<string, number> => {
    const used = (unit: keyof Usage) => usd(unit, (work.usage[unit] ?? 0) * factor);
    const named = new Map<string, number>();
    for (const [name, { invocations, gbSeconds, logBytes }] of Object.entries(work.functions)) {
      named.set(`${name}: time`, usd('lambdaGbSeconds', gbSeconds * factor));
      named.set(`${name}: invocations`, usd('lambdaRequests', invocations * factor));
      named.set(`${name}: logs`, usd('logGigabytes', (logBytes / 1e9) * factor));
      if (tracing) named.set(`${name}: traces`, usd('traces', tracesOf(invocations * factor, seconds)));
    }
    for (const [name, { calls, readUnits, writeUnits }] of Object.entries(work.calls)) {
      const price = name.startsWith('DynamoDB')
        ? usd('dynamodbReadUnits', readUnits * factor) + usd('dynamodbWriteUnits', writeUnits * factor)
        : usd(name.startsWith('SQS') ? 'sqsFifoRequests' : 'secretCalls', calls * factor);
      named.set(name, price);
    }
    named.set("SQS, Lambda's pollers", usd('sqsFifoRequests', work.polls * factor));
    named.set('Step Functions', used('stateTransitions'));
    return named;
  };
  const ofBackfill = dollarsIn(backfill, byUsers, backfill.seconds * byUsers);
  const ofChanges = dollarsIn(changes, byChanges, SECONDS_A_MONTH);
  const shares = [...new Set([...ofBackfill.keys(), ...ofChanges.keys()])].map((what) => ({
    what,
    backfillUsd: ofBackfill.get(what) ?? 0,
    changesUsd: ofChanges.get(what) ?? 0,
  }));
  return shares.toSorted((a, b) => b.changesUsd - a.changesUsd || b.backfillUsd - a.backfillUsd);
}

/** Duration and reads are proportional to the users; the rest is proportional to the invocations of that duration. */
function refreshOf(refresh: Counts['refresh'], users: number): Usage {
  const { lambdaGbSeconds = 0, dynamodbReadUnits = 0, ...ofACall } = refresh.usage;
  const byUsers = times({ lambdaGbSeconds, dynamodbReadUnits }, users / refresh.users);
  const calls = Math.ceil((byUsers.lambdaGbSeconds ?? 0) / CALL_GB_SECONDS);
  return sumOf(byUsers, times(ofACall, Math.max(1, calls)));
}
