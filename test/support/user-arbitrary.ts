import fc from 'fast-check';
import type { User } from '../../shared/user/user.ts';

const instant = fc
  .date({ min: new Date('2025-01-01'), max: new Date('2026-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Any user that the app could store, without a `crm` map. */
export const userArbitrary = (userId = 'u1'): fc.Arbitrary<User> =>
  fc.record(
    {
      userId: fc.constant(userId),
      email: fc.oneof(fc.emailAddress(), fc.constant('not an email')),
      firstName: fc.string({ unit: 'binary', maxLength: 50 }),
      lastName: fc.string({ maxLength: 50 }),
      phone: fc.oneof(fc.constantFrom('+12125550123', '+442079460958'), fc.string()),
      appDownloadDate: instant,
      timeZone: fc.constantFrom('America/New_York', 'Europe/Berlin', 'Mars/Olympus'),
      locale: fc.constantFrom('en-US', 'de_DE', '??'),
      marketingOptIn: fc.boolean(),
      subscription: fc.record({ status: fc.constantFrom('trial', 'active', 'cancelled', 'expired') }),
      progress: fc.record(
        {
          program: fc.constantFrom('Strength', 'Mobility'),
          week: fc.integer({ min: 1, max: 12 }),
          workoutsCompleted: fc.nat(),
          completedAt: instant,
        },
        { requiredKeys: [] },
      ),
      lastActiveAt: instant,
    },
    { requiredKeys: ['userId'] },
  );
