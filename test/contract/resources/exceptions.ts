/** What differs between the declarations and the vendor's document on purpose, and why. */
export interface Exceptions {
  /** Routes of the document that no resource declares. */
  undeclared: Readonly<Record<string, string>>;
  /** Declared routes that the document does not have. */
  undocumented: Readonly<Record<string, string>>;
  /** Properties and parameters: `resource.property`, or `resource?parameter`. */
  properties: Readonly<Record<string, string>>;
}

const SINGLE_READ = 'only a single read has it, whose path the copy of 2022 lacks';
const NO_ID = 'the document of 2022 shows no id, but the single read takes one, and answers have it';

export const EXCEPTIONS: Exceptions = {
  undeclared: {
    'PATCH company/{}': 'an older spelling of PATCH companies/{}',
    'GET products/sync': 'deprecated by the vendor; GET products lists the same products',
    'GET tasks/search': 'the same answer and filters as GET tasks',
    'GET users/{}/signature': 'an HTML text for the end of emails, which is no data about a person',
  },
  undocumented: {
    'GET contacts/{}': 'missing in the copy of 2022 only; the sync and other clients use it',
    'GET affiliates/{}/payments': 'the copy of 2022 has its schemas, but lost its path',
  },
  properties: {
    'appointments.id': NO_ID,
    'tasks.id': NO_ID,
    'contacts.opt_in_reason': SINGLE_READ,
    'contacts.origin': SINGLE_READ,
    'contacts.relationships': SINGLE_READ,
    'contacts.tag_ids': SINGLE_READ,
    'emails?ordered': 'turns off the order of the list, which would make pages overlap',
  },
};
