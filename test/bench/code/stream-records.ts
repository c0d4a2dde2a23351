import { marshall } from '@aws-sdk/util-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import type { User } from '../../../shared/user/user.ts';
import { population } from '../../demo/population.ts';
import { seededRandom } from '../../simulator/traffic/random.ts';

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>;
type Item = User & Record<string, unknown>;

/**
 * Assumed mix of changes in a table's stream: write-backs of the sync, activity without an effect on the CRM, progress with one, sign-ups
 * and deletions. Each change of the CRM is followed by one write-back, and most writes of an app do not concern the CRM.
 */
const KINDS = [
  ['write-back', 0.35],
  ['activity', 0.35],
  ['progress', 0.2],
  ['sign-up', 0.08],
  ['deletion', 0.02],
] as const;
type Kind = (typeof KINDS)[number][0];

const SEED = 5;
const HOUR_MS = 3_600_000;

/** Stream records with both images, of items that also have attributes unknown to the sync. */
export function streamRecords(count: number): DynamoDBRecord[] {
  const now = Date.now();
  const random = seededRandom(SEED);
  return population(count, SEED, now).users.map((user, index): DynamoDBRecord => {
    const { before, after } = imagesOf(kindAt(random()), synced(user), now);
    return {
      eventID: `${index}`.padStart(32, '0'),
      eventName: before ? (after ? 'MODIFY' : 'REMOVE') : 'INSERT',
      dynamodb: {
        SequenceNumber: `${10_000_000 + index}`,
        ApproximateCreationDateTime: Math.floor(now / 1000),
        ...(before && { OldImage: imageOf(before) }),
        ...(after && { NewImage: imageOf(after) }),
      },
    };
  });
}

const imageOf = (item: Item) => marshall(item, { removeUndefinedValues: true }) as Image;

function kindAt(position: number): Kind {
  let end = 0;
  for (const [kind, share] of KINDS) {
    end += share;
    if (position < end) return kind;
  }
  return 'activity';
}

function synced(user: User): Item {
  const hashes = ['EMAIL1', 'given_name', 'family_name', 'time_zone', 'custom_fields.Program'];
  return {
    ...user,
    crm: {
      contactId: 4711,
      tagIds: [12, 17, 23, 42],
      fingerprint: Object.fromEntries(hashes.map((key) => [key, 'kZ3xT9qLw0A'])),
      syncedAt: '2026-06-15T12:00:00.000Z',
      revision: 3,
    },
    settings: { units: 'metric', reminders: { weekdays: ['mon', 'wed', 'fri'], hour: 7 }, theme: 'dark' },
    devices: [{ platform: 'ios', model: 'iPhone15,2', appVersion: '5.12.1' }],
    goals: ['strength', 'sleep'],
    createdAt: '2025-11-02T08:15:00.000Z',
    version: 87,
  };
}

function imagesOf(kind: Kind, item: Item, now: number): { before?: Item; after?: Item } {
  const { progress, crm, ...others } = item;
  switch (kind) {
    case 'write-back':
      return {
        before: { ...item, crm: { ...crm, revision: 2, syncedAt: '2026-06-14T12:00:00.000Z' } },
        after: item,
      };
    case 'activity':
      return {
        before: { ...item, lastActiveAt: new Date(now - 3 * HOUR_MS).toISOString() },
        after: { ...item, lastActiveAt: new Date(now).toISOString(), version: 88 },
      };
    case 'progress':
      return {
        before: item,
        after: {
          ...item,
          progress: { ...progress, workoutsCompleted: 1 + (progress?.workoutsCompleted ?? 0) },
        },
      };
    case 'sign-up':
      return { after: { ...others } };
    case 'deletion':
      return { before: item };
  }
}
