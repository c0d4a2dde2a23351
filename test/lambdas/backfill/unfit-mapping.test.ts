import { describe, expect, it } from 'vitest';
import { MappingDoesNotFitError, plan } from '../../../lambdas/backfill/steps.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { start } from '../../support/backfill-start.ts';
import { CATALOG, fresh, synced } from '../../support/backfill-users.ts';

describe('a mapping that the account cannot take', () => {
  const problems = ['custom field "Program": is of type Date in the CRM, and Text in the mapping'];

  it('meets no user: what a person starts fails and names what is wrong, and the daily refresh goes on', async () => {
    const { context, ports } = start(10, fresh, { ...CATALOG, problems });
    await expect(plan({ mode: 'contacts' }, context)).rejects.toThrow(MappingDoesNotFitError);
    await expect(plan({ mode: 'tags' }, context)).rejects.toThrow(/custom field "Program"/);
    expect(await ports.locks.read('contacts')).toBeUndefined();
    expect(await plan({ mode: 'refresh' }, context)).toMatchObject({ next: 'feed' });
  });

  it('of another mapping than this does not count, and its ids do not either: every user is looked at', async () => {
    const older: Catalog = { ...CATALOG, tags: {}, problems, requirementsHash: 'of an older mapping' };
    const { run } = start(10, (index) => synced(fresh(index)), older);
    expect((await run({ mode: 'refresh' })).report).toMatchObject({ enqueued: 10 });
  });
});
