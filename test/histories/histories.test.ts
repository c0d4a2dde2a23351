import { describe, expect, it } from 'vitest';
import { type History, history, run } from './history.ts';
import { checkHistories } from './random-histories.ts';

/** Each seed has 100 histories. */
const SEEDS = [1, 2, 3];

/** Histories that went wrong once, as a failure of the random histories prints them. */
const REGRESSIONS: Readonly<Record<string, History>> = {
  'two users swap emails': history([
    'ann signs up with one@example.com',
    'bob signs up with two@example.com',
    '5 s pass',
    'ann and bob swap emails',
  ]),
  'a user takes an email that its owner is about to give up': history([
    'ann signs up with one@example.com',
    '5 s pass',
    'cem signs up with one@example.com',
    'ann changes the email to two@example.com',
  ]),
  'contacts of two users are merged': history([
    'ann signs up with one@example.com',
    'cem signs up with three@example.com',
    '5 s pass',
    'staff merge the contact of ann into that of cem, which keeps its own values',
  ]),
  'contacts of two users are merged, and the loser is named': history([
    'ann signs up with one@example.com',
    'bob signs up with two@example.com',
    '5 s pass',
    'staff merge the contact of ann into that of bob, which keeps the values of the other',
  ]),
  'contacts are merged after the sync table was lost': history([
    'ann signs up with one@example.com',
    'cem signs up with three@example.com',
    '5 s pass',
    'the sync table is lost',
    'staff merge the contact of cem into that of ann, which keeps its own values',
  ]),
  'a request for erasure meets the deletion': history([
    'ann signs up with one@example.com',
    '5 s pass',
    'ann is deleted and asks to be forgotten',
  ]),
  'a user whose item lost its contact is forgotten': history([
    'cem signs up with three@example.com',
    '5 s pass',
    'the app writes the whole item of cem with an older crm map',
    'cem is deleted and asks to be forgotten',
  ]),
  'the crm map is removed right after a change': history([
    'ann signs up with one@example.com',
    '1 s pass',
    'ann changes the phone',
    'the app removes the crm map of ann',
  ]),
  'an item with the contact of another user comes back': history(
    [
      'ann signs up with one@example.com',
      'cem signs up with three@example.com',
      '5 s pass',
      'ann hands the email over to cem and moves to three@example.com',
      '200 s pass',
      'the app writes the whole item of ann with an older crm map',
    ],
    { seed: 3409 },
  ),
  'a spell of 404s meets a change of the email': history([
    'ann signs up with one@example.com',
    '5 s pass',
    'ann changes the email to four@example.com',
    'the CRM answers 404 for 5 s',
    '1 s pass',
  ]),
  'a web form adds a contact a moment before the sign-up, in an account that replaces arrays': history(
    ['a web form adds a contact with one@example.com', 'ann signs up with one@example.com'],
    { arrays: 'replace', searchDelay: 1 },
  ),
  'a user comes back in an account that does not list tags': history(
    [
      'cem signs up with three@example.com',
      '1 s pass',
      'cem is deleted and signs up again with three@example.com',
    ],
    { tagIds: 'left out' },
  ),
  'the user whom a merged contact names is forgotten': history([
    'ann signs up with one@example.com',
    'cem signs up with three@example.com',
    '20 s pass',
    'staff merge the contact of cem into that of ann, which keeps the values of the other',
    'cem is deleted and asks to be forgotten',
  ]),
  'the user whom a merged contact names moves to the email of its holder': history([
    'bob signs up with two@example.com',
    'cem signs up with three@example.com',
    '20 s pass',
    'staff merge the contact of cem into that of bob, which keeps the values of the other',
    'cem changes the email to two@example.com',
  ]),
  'the user whom a merged contact names hands its email over': history([
    'bob signs up with two@example.com',
    'cem signs up with three@example.com',
    '200 s pass',
    'staff merge the contact of bob into that of cem, which keeps the values of the other',
    'bob hands the email over to cem and moves to two@example.com',
  ]),
  'contacts are merged in an account that replaces arrays': history(
    [
      'ann signs up with one@example.com',
      'bob signs up with two@example.com',
      '1200 s pass',
      'staff merge the contact of bob into that of ann, which keeps the values of the other',
    ],
    { arrays: 'replace', searchDelay: 10 },
  ),
  'a user who has come back with another email is forgotten': history([
    'cem signs up with three@example.com',
    '5 s pass',
    'cem is deleted and signs up again with one@example.com',
    '1200 s pass',
    'cem is deleted and asks to be forgotten',
  ]),
};

describe('three users whose changes, contacts and messages meet in any way', () => {
  it.each(SEEDS)('seed %d: every user has one right contact, and nobody another', async (seed) => {
    await checkHistories({ seed, runs: 100 });
  });

  it.each(Object.entries(REGRESSIONS))('%s', async (_, each) => {
    expect(await run(each)).toEqual([]);
  });
});
