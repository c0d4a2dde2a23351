import { expect, it } from 'vitest';
import { managedTags } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { seededRandom } from '../../simulator/traffic/random.ts';
import { refusedCreations } from '../refused-creations.ts';

it('an account refuses one custom field and one tag, which differ by seed', () => {
  const fields = new Set<string | undefined>();
  const tags = new Set<string | undefined>();
  for (let seed = 1; seed <= 30; seed++) {
    const [field, tag] = refusedCreations(seededRandom(seed));
    fields.add(field);
    tags.add(tag);
  }
  for (const name of tags) expect(managedTags(mapping)).toContain(name);
  expect(fields.size).toBe(Object.keys(mapping.customFields).length - 1);
  expect(tags.size).toBeGreaterThan(10);
  expect([...fields, ...tags]).not.toContain('App User Id');
  expect([...fields, ...tags]).not.toContain('Account Deleted');
});
