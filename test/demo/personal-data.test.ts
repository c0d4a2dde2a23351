import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PersonalData } from './personal-data.ts';
import { population } from './population.ts';

const ID = '68c0b376-25d9-6626-d4f0-da20f0abaea1';
const PERSON = {
  userId: ID,
  email: 'user3.run5@example.com',
  firstName: 'İpekçe',
  lastName: "O'Brien",
  phone: '+16465551003',
};

const shownIn = (text: string) => {
  const personal = new PersonalData();
  personal.remember(PERSON);
  return personal.shownIn([{ source: 'log', text }]);
};

describe('the data of a person', () => {
  it.each([
    '{"email":"user3.run5@example.com"}',
    'GET /crm/rest/v1/contacts?email=USER3.RUN5%40example.com 200',
    'is user3.run5 at home?',
    '{"userId":"x","name":"İPEKÇE"}',
    '?given_name=%C4%B0pek%C3%A7e',
    `{"body":"{\\"family_name\\":\\"O'Brien\\"}"}`,
    'PHONE1 +16465551003',
    'call (646) 555-1003',
    '646.555.1003',
    '+1.6465551003',
    '+999.96465551003',
  ])('is found in %s', (text) => {
    expect(shownIn(text)).toEqual([expect.stringMatching(/^log: /)]);
  });

  it.each([
    `{"level":"INFO","userId":"${ID}","contactId":26,"timestamp":"2026-11-24T10:00:02.245Z"}`,
    '{"_aws":{"Timestamp":1795600802245},"CrmLatency":[646,555,1003]}',
    '{"CrmLatency":[161.22646555100399998,2.1,30.364655510030001]}',
    'user13.run51@example.org',
    '{"PHONE1":"changed","given_name":"changed"}',
  ])('is not found in %s', (text) => {
    expect(shownIn(text)).toEqual([]);
  });

  it('is rejected when it is so short that other text could contain it by chance', () => {
    const personal = new PersonalData();
    for (const short of [{ firstName: 'Ann' }, { email: 'a@b' }, { phone: '112' }])
      expect(() => personal.remember(short)).toThrow(/too short/);
  });

  it('of the test population appears in no source file', () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const personal = new PersonalData();
    for (const user of population(500, 1, Date.now()).users) personal.remember(user);
    const sources = globSync('{infra,lambdas,shared}/**/*.ts', { cwd: root });
    expect(sources.length).toBeGreaterThan(100);
    const texts = sources.map((source) => ({ source, text: readFileSync(root + source, 'utf8') }));
    expect(personal.shownIn(texts)).toEqual([]);
  });
});
