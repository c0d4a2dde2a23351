import { describe, expect, it } from 'vitest';
import { catalogReport } from '../../../../infra/cli/catalog/report.ts';
import type { Account } from '../../../../shared/infusionsoft/catalog/account.ts';
import type { Catalog } from '../../../../shared/infusionsoft/catalog/catalog.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const ACCOUNT: Account = {
  tags: [
    { name: 'App User', description: 'Has an account', id: 11, category: 'App', contacts: 60_000 },
    { name: 'Week 1', description: 'In week 1' },
  ],
  customFields: [{ name: 'Plan', id: 21, type: 'Text', options: [], problem: 'is of type Text in the CRM' }],
  leadSources: [{ name: 'Fitness App', id: 31 }],
  contactTypes: [],
  staff: { 'sam@example.com': 41 },
};
const learnedAt = new Date(NOW).toISOString();
const catalog = (arrays: Catalog['arrays']): Catalog => ({
  tags: {},
  customFields: {},
  unusable: [],
  problems: [],
  refreshedAt: new Date(NOW).toISOString(),
  ...(arrays && { arrays }),
});

describe('the report on an account', () => {
  it('shows ids, categories and the number of contacts with a tag', () => {
    expect(catalogReport(ACCOUNT, undefined, [], NOW)).toMatch(/11 +60,000 +App User +App +Has an account/);
  });

  it('names what is missing and what does not fit, with what to do', () => {
    const report = catalogReport(ACCOUNT, undefined, [], NOW);
    expect(report).toMatch(/Missing: created by npx --no user-sync catalog --create.*\n {2}✗ tag "Week 1"\n/);
    expect(report).toMatch(/Does not fit: .*\n {2}✗ custom field "Plan": is of type Text in the CRM\n/);
  });

  it('shows no address of a member of staff', () => {
    expect(catalogReport(ACCOUNT, undefined, [], NOW)).not.toContain('sam@');
  });

  it.each([
    [undefined, 'unknown until', 'unknown until'],
    [{ modes: { put: 'merge', patch: 'replace' }, learnedAt }, 'kept', 'removed, so the contact is read'],
    [{ modes: { put: 'replace', patch: 'merge' }, learnedAt }, 'removed, so the contact is read', 'kept'],
    [{ learnedAt }, 'may be removed, so the contact is read first', 'may be removed, so'],
  ] as const)('says of arrays %j what each kind of update does with unlisted items', (arrays, put, patch) => {
    const report = catalogReport(ACCOUNT, catalog(arrays), [], NOW);
    expect(report).toMatch(new RegExp(`PUT /contacts \\(.*\\) +${put}`));
    expect(report).toMatch(new RegExp(`PATCH /contacts/{id} +${patch}`));
  });

  it('lists fields of which the CRM has refused values', () => {
    const report = catalogReport(ACCOUNT, undefined, ['time_zone: the CRM has refused 2 values'], NOW);
    expect(report).toMatch(/Refused values: .*\n {2}✗ time_zone: the CRM has refused 2 values\n/);
    expect(catalogReport(ACCOUNT, undefined, [], NOW)).not.toContain('Refused values');
  });
});
