import type { User } from '../../shared/user/user.ts';
import { type Random, seededRandom } from '../simulator/traffic/random.ts';

/** A contact that exists in the CRM before the app's user, such as a subscriber of the newsletter. */
export interface ExistingContact {
  email: string;
  givenName: string;
  /** Entered by hand. */
  phone2: string;
  shoeSize: string;
}

/** Tags and a custom field that people created by hand, and that the sync may not touch. */
export const HAND_MADE = { tags: ['Newsletter', 'VIP'], customField: 'Shoe Size' } as const;

export interface Population {
  users: User[];
  /** Contacts with the emails of a third of the users. */
  existing: ExistingContact[];
}

/** Names that appear in no other text, so that one in a log is surely personal data. */
const FIRST = [
  'Annelise',
  'Benedikt',
  'Chloé',
  'Dmitri',
  'Eun-ji',
  'Fatima',
  'Gwendolyn',
  'Hugolin',
  'İpekçe',
  'José Luis',
];
const LAST = [
  'Leeuwenhoek',
  'Okafor',
  'Müller',
  "O'Brien",
  'García',
  'Nguyễn',
  'Smithson',
  'Kowalska',
  'Ferrari',
  'Satoyama',
];
const PROGRAMS = ['Strength', 'Mobility', 'Running'];
const STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;
const ZONES = ['America/New_York', 'Europe/Berlin', 'Asia/Tokyo', 'Australia/Sydney'];
const LOCALES = ['en-US', 'de-DE', 'ja-JP', 'en-AU'];
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Users like those of an app, and their existing contacts. The same seed gives the same users.
 *
 * @param now epoch milliseconds. Last activity is relative to it.
 */
export function population(count: number, seed: number, now: number): Population {
  const random = seededRandom(seed);
  const users = Array.from({ length: count }, (_, index) => makeUser(index, seed, random, now));
  const existing = users
    .filter((_, index) => index % 3 === 0)
    .map(({ email = '', firstName = '' }, index) => ({
      email: index % 5 === 0 ? email.toUpperCase() : email,
      givenName: firstName.slice(0, 1),
      phone2: `+1212555${String(1000 + (index % 9000))}`,
      shoeSize: String(36 + (index % 12)),
    }));
  return { users, existing };
}

function makeUser(index: number, seed: number, random: Random, now: number): User {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const ago = (days: number) => new Date(now - days * DAY_MS).toISOString();
  const zone = Math.floor(random() * ZONES.length);
  const week = 1 + Math.floor(random() * 12);
  const finished = random() < 0.1;
  return {
    userId: uuid(random),
    email: `user${index}.run${seed}@example.com`,
    firstName: pick(FIRST),
    lastName: pick(LAST),
    phone: random() < 0.7 ? `+1646555${String(1000 + (index % 9000))}` : undefined,
    appDownloadDate: ago(30 + Math.floor(random() * 300)).slice(0, 10),
    timeZone: ZONES[zone],
    locale: LOCALES[zone],
    marketingOptIn: random() < 0.6,
    subscription: { status: pick(STATUSES) },
    progress: {
      program: pick(PROGRAMS),
      week,
      workoutsCompleted: week * 3,
      ...(finished && { completedAt: ago(2) }),
    },
    lastActiveAt: ago(Math.floor(random() * 45) + 0.5),
  };
}

/** An id like the sub of a Cognito user. */
function uuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
