/** A property of answers that differs between accounts or over time. A client must work with every form. */
interface AnswerForm {
  what: string;
  /** Possible values, the default first. */
  values: readonly [boolean | number | string, ...(boolean | number | string)[]];
  /** Who says so. */
  source: string;
}

const KEAP_PYTHON = 'keap-python 1.3.0 (PyPI)';
const UNKNOWN = 'Not known';

/** The forms of answers, by the names of their switches. docs/simulator.md shows them (`npm run docs`). */
export const ANSWER_FORMS = {
  nulls: {
    what: 'Whether a property without a value is null. Otherwise it is missing.',
    values: [true, false],
    source: `Answers have had both: README of ${KEAP_PYTHON}`,
  },
  emptyLists: {
    what: 'Whether a list without items is an empty list. Otherwise it is null, or missing without `nulls`.',
    values: [true, false],
    source: `The contract of version 1 marks no property as required; README of ${KEAP_PYTHON}`,
  },
  tagIds: {
    what: 'Whether a contact shows the ids of its tags.',
    values: [true, false],
    source: 'Answers of 2021 show them; the contract of version 1 does not require them',
  },
  listedCustomFields: {
    what: 'Whether a contact in a list shows its custom fields when the request names them.',
    values: [true, false],
    source: UNKNOWN,
  },
  emailStatus: {
    what: 'Whether a contact shows the status of its first email.',
    values: [true, false],
    source: 'Answers of 2021 show it; the contract of version 1 does not require it',
  },
  allNetworks: {
    what: 'Whether a contact shows its accounts of all social networks. Otherwise those of four are never shown.',
    values: [false, true],
    source: 'Contract of version 1: more networks can be written than are returned',
  },
  emptyTagIds: {
    what: 'Version 2: whether a contact without tags shows an empty list of them.',
    values: [true, false],
    source: 'The contract of version 2 does not require it',
  },
  pageAddresses: {
    what: 'Version 2: whether the next page of a list has its whole address in place of a token.',
    values: [false, true],
    source: 'The plugin wp-fusion-lite reads both',
  },
  tagsUpdateContact: {
    what: 'Whether tagging a contact counts as an update of it.',
    values: [false, true],
    source: UNKNOWN,
  },
  tagResults: {
    what: 'Results of tags: an object by id, or a list of entries.',
    values: ['object', 'entries'],
    source: `The object: ${KEAP_PYTHON}. The list: contract of version 1`,
  },
  createdStatus: {
    what: 'Status of a create-or-update that creates a contact.',
    values: [201, 200],
    source: 'Vendor’s forum, thread 82773, has both',
  },
  unknownOwner: {
    what: 'Status for an owner that does not exist. Other bad values are refused with 400.',
    values: [500, 400],
    source: 'wp-fusion-lite and laravel-keap handle a 500 with a message',
  },
} as const satisfies Record<string, AnswerForm>;

type Forms = typeof ANSWER_FORMS;
/** What answers contain. The vendor promises none of it. */
export type AnswerOptions = { [Name in keyof Forms]: Forms[Name]['values'][number] };

/** The first value of each form. */
export const DEFAULT_ANSWERS = Object.fromEntries(
  Object.entries(ANSWER_FORMS).map(([name, { values }]) => [name, values[0]]),
) as AnswerOptions;
