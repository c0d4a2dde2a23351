import { type InfusionsoftClient, infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { orders } from '../../shared/infusionsoft/resources/orders.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';

/**
 * Calls every method of the client once. Because of the type of `calls`, a new method is a compile error until it is added here.
 *
 * @param url the URL of the simulator, or of a proxy in front of it.
 */
export async function callEveryMethod(url: string): Promise<void> {
  const client = infusionsoftClient({ url, fetch: identified });
  const email_addresses = [{ field: 'EMAIL1', email: 'contract@example.com' }];
  const { id } = await client.upsertContact({ email_addresses, given_name: 'Contract' });
  const second = await client.createContact({ email_addresses, family_name: 'Check' });
  const tag = await client.createTag('Contract Check', 'Created by the contract check');
  const company = await client.createCompany('Contract Check Ltd');
  const calls: Record<keyof InfusionsoftClient, () => Promise<unknown>> = {
    upsertContact: async () => client.upsertContact({ email_addresses, company: { id: company.id } }),
    createContact: async () => second,
    createTag: async () => tag,
    createCompany: async () => company,
    createCustomField: () => client.createCustomField('Contract Check', 'Dropdown', ['a', 'b']),
    createLeadSource: () => client.createLeadSource('Contract Check'),
    listOptionalProperties: () => client.listOptionalProperties(),
    readContact: async () => client.readContact(id, await client.listOptionalProperties()),
    findContactsByEmail: () => client.findContactsByEmail('contract@example.com'),
    findContactsUpdatedSince: () => client.findContactsUpdatedSince(0),
    updateContact: () => client.updateContact(id, { given_name: '' }),
    setOptIn: async () => {
      await client.setOptIn('contract@example.com', true, 'Contract check');
      return client.setOptIn('contract@example.com', false, 'Contract check');
    },
    applyTags: () => client.applyTags(id, [tag.id]),
    tagContacts: () => client.tagContacts(tag.id, [id, second.id]),
    countTagged: () => client.countTagged(tag.id),
    listTags: () => client.listTags(),
    removeTags: () => client.removeTags(id, [tag.id, 999]),
    untagContacts: () => client.untagContacts(tag.id, [id, second.id]),
    listCustomFields: () => client.listCustomFields(),
    listLeadSources: () => client.listLeadSources(),
    listStaff: () => client.listStaff(),
    listProvinces: () => client.listProvinces('USA'),
    listContactTypes: () => client.listContactTypes(),
    findCompanies: () => client.findCompanies('Contract Check Ltd'),
    listContacts: () => client.listContacts({ updatedSince: 0 }),
    listAppliedTags: () => client.listAppliedTags({ since: 0 }),
    listOptOuts: () => client.listOptOuts(),
    listItems: () => client.listItems(orders, { since: 0 }),
    deleteContact: () => client.deleteContact(second.id),
  };
  for (const call of Object.values(calls)) await call();
}

const identified: typeof fetch = (input, init) => {
  const request = new Request(input, init);
  request.headers.set('x-keap-api-key', DEFAULT_TOKEN);
  return fetch(request);
};
