import type { Mapping } from '../../shared/user/define-mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { record } from './consumer-under-test.ts';

/** A message that asks for a report on the account. @param count whether the contacts of each tag are counted. */
export const inspection = (mapping: Mapping, create = false, count = true) =>
  record(
    {
      version: 1,
      kind: 'inspect-account',
      inspectionId: 'i1',
      requirements: requirementsOf(mapping),
      create,
      count,
    },
    'catalog',
  );
