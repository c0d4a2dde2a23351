import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AuthorizationLostError } from '../../../shared/infusionsoft/auth/token-endpoint.ts';
import { DAY, type Fault, HOUR, rotationWorld } from '../../support/rotation-world.ts';

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** What happens between the calls of a rotation. */
const action = fc.oneof(
  { weight: 6, arbitrary: fc.constant('rotate' as const) },
  { weight: 2, arbitrary: fc.constant('each step twice' as const) },
  { weight: 2, arbitrary: fc.constant('authorize' as const) },
  { weight: 1, arbitrary: fc.constant('remove AWSPENDING' as const) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 30 }).map((hours) => ({ hours })) },
);
const fault: fc.Arbitrary<Fault> = fc.constantFrom(
  'fails',
  'answer lost',
  'dies before',
  'dies after',
  'authorize',
  'authorize anew',
  'stale',
);
const faults = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fault), { maxLength: 10 });

it('a rotation never loses the last live refresh token, whatever call fails, and ends with a usable pair', async () => {
  await fc.assert(
    fc.asyncProperty(faults, fc.array(action, { minLength: 1, maxLength: 10 }), async (faults, actions) => {
      const planned = new Map(faults);
      let isFaultless = false;
      const world = rotationWorld((call) => (isFaultless ? undefined : planned.get(call)));
      const attempt = async (perform: () => Promise<unknown>) => {
        try {
          await perform();
        } catch (error) {
          if (error instanceof AuthorizationLostError) throw error;
          // Secrets Manager retries a failed step later.
          world.clock.now += 60_000;
        }
      };
      for (const each of actions) {
        if (each === 'rotate') await attempt(world.rotate);
        else if (each === 'each step twice') {
          const id = world.begin();
          await attempt(async () => {
            for (const step of STEPS) {
              await world.step(step, id);
              await world.step(step, id);
            }
          });
        } else if (each === 'authorize') world.authorize();
        else if (each === 'remove AWSPENDING') world.removePending();
        else world.clock.now += each.hours * HOUR;
        expect(world.isLiveTokenKept()).toBe(true);
      }
      isFaultless = true;
      world.clock.now += DAY;
      await attempt(world.rotate);
      await world.rotate();
      world.expectHealthy();
      expect(world.isUsable()).toBe(true);
    }),
    {
      numRuns: 1500,
      // A stale read in the last step once made an older renewal current instead of its replacement.
      examples: [
        [
          [
            [58, 'stale'],
            [45, 'fails'],
            [3, 'authorize'],
          ],
          ['each step twice', 'each step twice', { hours: 1 }, 'rotate'],
        ],
      ],
    },
  );
});
