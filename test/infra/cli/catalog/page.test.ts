import { expect, it } from 'vitest';
import { catalogPage } from '../../../../infra/cli/catalog/page.ts';
import { mapping } from '../../../../shared/user/mapping.ts';
import { richMapping } from '../../../support/rich-mapping.ts';

it('docs/catalog.md shows the fields and tags of the mapping (npm run docs writes it)', async () => {
  await expect(catalogPage(mapping, 'shared/user/mapping.ts')).toMatchFileSnapshot(
    '../../../../docs/catalog.md',
  );
});

it('lists options and choices', () => {
  const page = catalogPage(richMapping, 'x.ts');
  expect(page).toContain('| Interests | ListBox | Strength, Mobility, Running | |');
  expect(page).toContain('| Person type | Prospect, Customer |');
});

it('escapes names in its tables', () => {
  const odd = { ...mapping, customFields: { 'A | B': { type: 'Text', value: () => undefined } as const } };
  expect(catalogPage(odd, 'x.ts')).toContain('| A \\| B | Text | | |');
});
