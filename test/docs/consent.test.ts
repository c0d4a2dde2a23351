import { expect, it } from 'vitest';
import { TRANSITIONS, type Transition } from '../../shared/sync/consent.ts';

const ACTIONS: Readonly<Record<Transition['action'], string>> = {
  nothing: 'nothing',
  read: 'read the status',
  'opt-in': '**opt in**',
  withdraw: '**withdraw**',
  record: 'nothing, and remember it',
};
const ADDRESSES: Readonly<Record<Transition['address'], string>> = { same: 'same', other: 'other', any: '' };

const listOf = (values: readonly string[] | 'any', hidden: readonly string[] = []): string =>
  values === 'any' ? '' : values.filter((value) => !hidden.includes(value)).join(', ');

it('docs/consent.md shows every transition (npm run docs writes it)', async () => {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ');
  const columns = ['The app says', 'Last step', 'Email', 'The CRM shows', 'The sync does', 'Why'];
  const page = [
    '# Consent to marketing',
    '',
    'The CRM keeps a status for each email address, not for each contact. The sync changes it only when the app’s value or the email changes',
    '(`marketingConsent` in [the mapping](mapping.md#consent)). The rules are the table `TRANSITIONS` in',
    '[shared/sync/consent.ts](../shared/sync/consent.ts), from which `npm run docs` writes this page. [Decision 9](decisions/0009-consent-by-address.md)',
    'gives the reasons.',
    '',
    '- **An opt-out that was made in the CRM is never undone**, whether by the person or by staff. Only an opt-out that the sync itself made is',
    '  undone, when the app says yes again.',
    '- **A withdrawal always reaches the CRM, once**: also for both addresses when the email changes with it, and also for a user who is rejected or',
    '  deleted before it is sent.',
    '- **An unset value is neither a yes nor a no.** Without a change there is no request.',
    '',
    '## Transitions',
    '',
    'The first matching row decides. An empty cell matches everything.',
    '',
    row(columns),
    row(columns.map(() => '---')),
    ...TRANSITIONS.map(({ app, last, address, shown, action, why }) =>
      row([listOf(app), listOf(last), ADDRESSES[address], listOf(shown), ACTIONS[action], why]),
    ),
    '',
    'The last step is the attribute `crm.consent` of the user, with a hash of its address. “Email” compares that address with the user’s email now.',
    '',
    '| Last step | Meaning |',
    '| --- | --- |',
    '| nothing | The sync has done nothing yet |',
    '| given | The app’s yes is carried out: the sync opted the address in, or did not have to, or must not |',
    '| giving | An opt-in was about to be sent. It is not known whether it was |',
    '| due | The address has to be withdrawn as soon as the user’s contact shows it |',
    '| withdrawing | A withdrawal was about to be sent. It is not known whether it was |',
    '| withdrawn | The sync opted the address out. So the opt-out is its own |',
    '| kept-out | The sync opted the address out after others had done so, or without knowing whether they had |',
    '',
    '| The CRM shows | `email_status` |',
    '| --- | --- |',
    '| opted-in | SingleOptIn, DoubleOptin, Confirmed |',
    '| not-opted-in | UnengagedMarketable, UnengagedNonMarketable, NonMarketable: nobody has opted the address out |',
    '| opted-out | Manual, ListUnsubscribe, and every other name, known or not |',
    '| unknown | The answer has no status, or another first email |',
    '| unread | No answer has shown it yet |',
    '',
    '## Requests',
    '',
    'Opt-ins and withdrawals are `PUT /emailAddresses/{email}`. No write of a contact has an `opt_in_reason`.',
    '',
    '| Change | Additional requests |',
    '| --- | --- |',
    '| A user without a value, or with no from the start | 0 |',
    '| A new user with yes, a new email with yes | 1; 0 if the address is opted in or out already |',
    '| The first yes of a user whose contact is right | 2 |',
    '| A withdrawal | 2: the status, and the withdrawal |',
    '| Yes again after a withdrawal | 1 |',
    '| Erasure (`delete`, `anonymise`) of a person who may be marketed to | 1 |',
    '',
    '## Limits',
    '',
    '- After an opt-in whose answer was lost, the sync reads the status. If that is an opt-out, nobody can tell whose it is, and it stays. The',
    '  log of the user has a warning (`npx --no user-sync trace`).',
    '- Staff who opt out an address by hand that the sync has opted out leave no trace: it counts as the sync’s own.',
    '- A `crm` map that the app removed or replaced says nothing certain about an own opt-out: it stays. An opt-in is remembered for the address',
    '  that the contact shows, so that a later withdrawal reaches the CRM, unless the user is deleted within the same seconds.',
    '- A contact shows only the status of its first email. If staff changed that, the status is unknown, and the address is not opted in.',
    '- An opt-out that others make within the second between the sync’s read and its opt-in can be undone: the CRM has no conditional request.',
    '- A withdrawal also reaches an earlier email of the user that another user has by now. For that user, it is an opt-out by others.',
    '- An opt-in that the CRM refuses is left out, with a warning (`npx --no user-sync trace`). It is not tried again until the app’s value or the email changes.',
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/consent.md');
});
