import { accountProfile } from './account-profile.ts';
import { affiliateCommissions } from './affiliate-commissions.ts';
import { affiliatePrograms } from './affiliate-programs.ts';
import { affiliateRedirectLinks } from './affiliate-redirect-links.ts';
import { affiliateSummaries } from './affiliate-summaries.ts';
import { affiliates } from './affiliates.ts';
import { applicationEnabled } from './application-enabled.ts';
import { appointments } from './appointments.ts';
import { campaigns } from './campaigns.ts';
import { companies } from './companies.ts';
import { contactTypes } from './contact-types.ts';
import { contacts } from './contacts.ts';
import { countries } from './countries.ts';
import type { Resource } from './define-resource.ts';
import { emailAddresses } from './email-addresses.ts';
import { emails } from './emails.ts';
import { files } from './files.ts';
import { hookEventKeys } from './hook-event-keys.ts';
import { hooks } from './hooks.ts';
import { leadSources } from './lead-sources.ts';
import { merchants } from './merchants.ts';
import { notes } from './notes.ts';
import { opportunities } from './opportunities.ts';
import { opportunityStages } from './opportunity-stages.ts';
import { orders } from './orders.ts';
import { products } from './products.ts';
import { settings } from './settings.ts';
import { subscriptions } from './subscriptions.ts';
import { tags } from './tags.ts';
import { tasks } from './tasks.ts';
import { transactions } from './transactions.ts';
import { userInfo } from './user-info.ts';
import { users } from './users.ts';

/** All resources, by name. Functions import the few that they use, so that their bundles stay small. */
export const RESOURCES: readonly Resource[] = [
  accountProfile,
  affiliates,
  affiliateCommissions,
  affiliatePrograms,
  affiliateRedirectLinks,
  affiliateSummaries,
  appointments,
  campaigns,
  companies,
  contacts,
  countries,
  emailAddresses,
  emails,
  files,
  hookEventKeys,
  hooks,
  leadSources,
  merchants,
  notes,
  opportunities,
  opportunityStages,
  orders,
  products,
  settings,
  contactTypes,
  applicationEnabled,
  subscriptions,
  tags,
  tasks,
  transactions,
  userInfo,
  users,
];
