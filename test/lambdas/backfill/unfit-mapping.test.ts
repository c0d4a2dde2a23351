import { describe, expect, it } from 'vitest';
import { MappingDoesNotFitError, startRun } from '../../../lambdas/backfill/steps.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { start } from '../../support/backfill-start.ts';
import { CATALOG, fresh, synced } from '../../support/backfill-users.ts';

describe('a mapping that the account does not accept', () => {
  const problems = ['custom field "Program": is of type Date in the CRM, and Text in the mapping'];

  it('stops a run that a person starts, with the problems, and not the daily refresh', async () => {
    const { context, ports } = start(10, fresh, { ...CATALOG, problems });
    await expect(startRun({ mode: 'contacts' }, context)).rejects.toThrow(MappingDoesNotFitError);
    await expect(startRun({ mode: 'tags' }, context)).rejects.toThrow(/custom field "Program"/);
    expect(await ports.locks.read('contacts')).toBeUndefined();
    expect(await startRun({ mode: 'refresh' }, context)).toMatchObject({ next: 'enqueue' });
  });

  it('is ignored with its ids if the catalog is of another mapping: every user is enqueued', async () => {
    const older: Catalog = { ...CATALOG, tags: {}, problems, requirementsHash: 'of an older mapping' };
    const { run } = start(10, (index) => synced(fresh(index)), older);
    expect((await run({ mode: 'refresh' })).report).toMatchObject({ enqueued: 10 });
  });
});
