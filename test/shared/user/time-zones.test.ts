import { describe, expect, it } from 'vitest';
import { KNOWN_TIME_ZONES, supportedTimeZone } from '../../../shared/user/time-zones.ts';

describe('the time zone of the CRM', () => {
  it.each(KNOWN_TIME_ZONES)('of %s is itself', (zone) => {
    expect(supportedTimeZone(zone)).toBe(zone);
    expect(supportedTimeZone(` ${zone.toLowerCase()}`)).toBe(zone);
  });

  it.each([
    ['Europe/Paris', 'Europe/Berlin'],
    ['America/Toronto', 'America/New_York'],
    ['US/Pacific', 'America/Los_Angeles'],
    ['Asia/Calcutta', 'Asia/Kolkata'],
    ['Asia/Singapore', 'Asia/Shanghai'],
    ['Europe/Lisbon', 'Europe/London'],
    ['Etc/UTC', 'UTC'],
  ])('of %s is %s, with the same rules', (zone, supported) => {
    expect(supportedTimeZone(zone)).toBe(supported);
  });

  it('of a zone without an equivalent is one whose clocks change on the same days', () => {
    expect(supportedTimeZone('Europe/Helsinki')).toBe('Asia/Beirut');
  });

  it('is none where no zone has the rules', () => {
    expect(supportedTimeZone('Antarctica/Troll')).toBeUndefined();
  });

  it.each(['Mars/Olympus', '+02:00', ''])('is none for %j, which is no zone', (text) => {
    expect(supportedTimeZone(text)).toBe('none');
  });

  it('has the offset of the zone in every month', () => {
    const offset = (zone: string, at: number) =>
      new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).format(at);
    for (const zone of [
      'Europe/Paris',
      'America/Toronto',
      'Asia/Singapore',
      'Africa/Nairobi',
      'America/Regina',
    ]) {
      const supported = supportedTimeZone(zone) ?? '';
      for (let month = 0; month < 60; month++) {
        const at = Date.UTC(2027, month, 15);
        expect(offset(supported, at)).toBe(offset(zone, at));
      }
    }
  });
});
