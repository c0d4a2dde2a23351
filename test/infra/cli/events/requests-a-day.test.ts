import { afterEach, describe, expect, it } from 'vitest';
import {
  type PollSettings,
  requestsADay,
  requestsReport,
  requestsText,
  sizesOf,
  totalOf,
  USUAL_SIZES,
} from '../../../../infra/cli/events/requests-a-day.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';
import { type Polls, startPolls } from '../../../support/polls-under-test.ts';

const SETTINGS: PollSettings = {
  intervalMinutes: 360,
  optOutMinutes: 720,
  listing: 'cron(0 1 * * ? *)',
  resources: ['notes', 'orders', 'users', 'lead-sources', 'opportunity-stages', 'emails'],
};

describe('requests a day', () => {
  let polls: Polls | undefined;
  afterEach(() => polls?.crm.stop());

  it('are those that the CRM counts in a simulated day', async () => {
    const sizes = { contacts: 2500, optOuts: 1200, changes: 8, items: 1100, newItems: 0 };
    polls = await startPolls({}, { resources: SETTINGS.resources });
    const { crm, poll, pass } = polls;
    await crm.preload(
      ...Array.from({ length: sizes.contacts }, (_, index) => ({
        values: { 'email_addresses.EMAIL1': `a${index}@example.com` },
        emailStatus: index < sizes.optOuts ? ('Manual' as const) : ('SingleOptIn' as const),
      })),
    );
    const old = '2020-01-01T00:00:00.000Z';
    for (const name of SETTINGS.resources)
      await crm.admin.addRecords(
        name,
        Array.from({ length: sizes.items }, () => ({
          name,
          email: 'staff@example.com',
          order_date: old,
          sent_date: old,
          contact: { id: 1 },
        })),
      );
    await poll('listing');
    await poll('changes');
    await poll('opt-outs');
    const counted = await crm.requestsOf(async () => {
      await poll('listing');
      for (let hours = 0; hours < 24; hours += 6) {
        pass(345);
        await poll('changes');
        if (hours % 12 === 0) await poll('opt-outs');
      }
    });
    const sum = Object.values(counted).reduce((total, count) => total + count, 0);
    expect(sum).toBe(totalOf(requestsADay(SETTINGS, sizes)));
  }, 120_000);

  it.each([
    ['off', 0],
    ['cron(0 1 * * ? *)', 60],
    ['rate(12 hours)', 120],
    ['rate(1 day)', 60],
    ['rate(360 minutes)', 240],
  ])('of the full listing, with the schedule %s: %i', (listing, requests) => {
    const row = requestsADay({ ...SETTINGS, listing }, USUAL_SIZES).find(({ poll }) =>
      poll.includes('full listing of contacts'),
    );
    expect(row?.requestsADay).toBe(requests);
  });
});

it('the report adds them up, and compares them with the limit of the day', () => {
  const settings = { ...SETTINGS, intervalMinutes: 15, optOutMinutes: 60, resources: ['orders' as const] };
  const report = requestsReport(settings, sizesOf({ contacts: 100_000 }), { limits: PRESETS.team });
  expect(report).toMatchObject({
    sizes: { contacts: 100_000, optOuts: 10_000, changes: 600 },
    requestsADay: 96 + 96 + 24 * 10 + 100 + 96 + 21,
    percentOfDay: 0.52,
  });
  expect(requestsText(report)).toMatch(
    /orders by order_date +96\n.*full listing of orders +21\n.*all +649\n/,
  );
  expect(requestsText(report)).toMatch(/0\.52 % of the day's limit/);
});
