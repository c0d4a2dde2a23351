import { describe, expect, it } from 'vitest';
import { evidenceOf } from '../evidence.ts';

const ANN = '0189ae11-467d-04c9-468b-e5dcd045db96';
const BOB = '7f9b0737-eb6d-3d8b-a040-f36b529ef4e3';
const entry = (rest: object) =>
  `user-sync-SyncContact ${JSON.stringify({ level: 'INFO', function_name: 'x', timestamp: 't', service: 'sync-contact', ...rest })}`;
const LOG = [
  entry({ message: 'Synced', userId: ANN }),
  entry({
    message: 'Synced',
    userId: BOB,
    contactId: 158,
    requests: ['PATCH /crm/rest/v1/contacts/158 200 9 ms'],
  }),
  entry({ message: 'Retired', userId: BOB, contactId: 15 }),
  'user-sync-SyncContact {"_aws":{}}',
  `${entry({ message: 'Synced', userId: ANN }).slice(0, -4)}`,
].join('\n');

describe('the log about a finding', () => {
  it.each<[string, string[]]>([
    [`${ANN}: EMAIL1 is wrong`, [`{"message":"Synced","userId":"${ANN}"}`]],
    ['contact 15: names nobody', [`{"message":"Retired","userId":"${BOB}","contactId":15}`]],
    [
      'has 2 contacts with its email: 158 of nobody,192 of nobody',
      [
        `{"message":"Synced","userId":"${BOB}","contactId":158,"requests":["PATCH /crm/rest/v1/contacts/158 200 9 ms"]}`,
      ],
    ],
    ['a finding without a name', []],
  ])('has the entries of its users and contacts: %s', (finding, entries) => {
    expect(evidenceOf([finding], LOG)).toEqual([
      `Logged about: ${finding}`,
      ...entries.map((each) => `  t sync-contact ${each}`),
    ]);
  });

  it('is shown for the first findings, and its last lines', () => {
    const long = Array.from({ length: 70 }, (_, index) => entry({ userId: ANN, index })).join('\n');
    const lines = evidenceOf([ANN, 'one', 'two', 'three'], long);
    expect(lines.filter((line) => line.startsWith('Logged about'))).toHaveLength(3);
    expect(lines).toHaveLength(3 + 60);
    expect(lines[60]).toContain('"index":69');
  });
});
