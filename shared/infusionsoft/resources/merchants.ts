import { defineResource } from './define-resource.ts';
import { flag, list, number, object, text } from './properties.ts';

/** Accounts of payment providers, and which is the default. */
export const merchants = defineResource({
  name: 'merchants',
  properties: () => ({
    default_merchant_account: number,
    merchant_accounts: list(object({ account_name: text, id: number, is_test: flag, type: text })),
  }),
  columns: ['default_merchant_account', 'merchant_accounts'],
  get: { path: 'merchants' },
});
