import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../infra/config.ts';

const ARN = 'arn:aws:sqs:eu-west-1:123456789012:mine';

describe('the setting events', () => {
  it('is off by default, and needs nothing else', () => {
    expect(parseConfig({}).events).toBeUndefined();
    expect(parseConfig({ events: {} }).events).toEqual({
      bus: 'create',
      resources: [],
      intervalMinutes: 15,
      optOutMinutes: 60,
      listing: 'cron(0 1 * * ? *)',
      timeZone: 'UTC',
    });
  });

  it.each<[object, RegExp]>([
    [{ callback: { url: 'http://app.example.com/events' } }, /events\.callback\.url: must begin with https/],
    [{ callback: { url: 'nowhere' } }, /events\.callback\.url: must be a URL/],
    [
      { callback: { url: 'https://ann:secret@app.example.com/events' } },
      /events\.callback\.url: must have no user name and password/,
    ],
    [{ queueArn: `${ARN}.fifo` }, /events\.queueArn: must be the ARN of a standard queue/],
    [{ bus: 'default' }, /events\.bus: must be "create", or the ARN of an event bus/],
    [{ intervalMinutes: 1 }, /events\.intervalMinutes/],
    [{ timeZone: 'Mars/Olympus' }, /events\.timeZone: must be a time zone/],
    [{ listing: 'daily' }, /events\.listing: must be cron/],
    [
      { resources: ['shoes'] },
      /events\.resources\.0: cannot be polled; use some of affiliates, appointments, .*transactions, users/,
    ],
    [
      { resources: ['orders', 'contacts'] },
      /events\.resources\.1: cannot be polled \(always polled\); use some of/,
    ],
    [{ resources: ['affiliate-commissions'] }, /cannot be polled \(its items have no id\)/],
    [{ resources: ['users', 'users'] }, /events\.resources: must name each resource once/],
    [
      { resources: ['emails', 'users'], listing: 'off' },
      /resources\.1: changes of users are found by listing/,
    ],
    [{ startAt: 'yesterday' }, /events\.startAt: must be a date or a time with its zone/],
    [{ webhook: {} }, /events\.webhook: is not a setting/],
  ])('refuses %j', (events, message) => {
    expect(() => parseConfig({ events })).toThrow(message);
  });

  it('takes resources that only have a date without a listing, and a day to begin with', () => {
    const settings = { resources: ['emails', 'transactions'], listing: 'off', startAt: '2027-01-01' };
    expect(parseConfig({ events: settings }).events).toMatchObject(settings);
  });

  it('allows http for a callback on this machine only', () => {
    const callback = { url: 'http://127.0.0.1:8080/events' };
    expect(parseConfig({ events: { callback } }).events?.callback).toEqual(callback);
  });
});
