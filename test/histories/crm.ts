import { catalogOf } from '../../shared/infusionsoft/catalog/catalog.ts';
import type { CatalogSource } from '../../shared/infusionsoft/catalog/catalog-source.ts';
import {
  ANSWER_TIME,
  INVOCATION_MS,
  OUT_OF_TIME_MS,
  WRITE_BACK_MS,
} from '../../shared/quota/retry-policy.ts';
import { RetryableError } from '../../shared/sync/errors.ts';
import { managedFields, managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import { type ArrayMode, EMAIL_PATHS, type StoredContact } from '../simulator/account/contact-store.ts';
import { mergeContacts } from '../simulator/account/merge-contacts.ts';
import type { SearchMode } from '../simulator/account/search.ts';
import { createSimulator, DEFAULT_TOKEN, type Simulator } from '../simulator/simulator.ts';
import { simulatorApp } from '../simulator/simulator-app.ts';
import type { Life, Simulation } from './simulation.ts';

/** How an account answers where the vendor's documentation leaves it open. */
export interface Account {
  /** What an update does to array items that it does not list. */
  arrays: ArrayMode;
  /** The same for create-or-updates. */
  putArrays: ArrayMode;
  search: SearchMode;
  /** Time until searches find a new contact, in seconds. */
  searchDelay: number;
  /** Whether answers list the tags of a contact. */
  tagIds: 'listed' | 'left out';
  /** Whether lists show the custom fields of a contact. */
  customFields: 'listed' | 'left out';
}

export const PLAIN_ACCOUNT: Account = {
  arrays: 'merge',
  putArrays: 'merge',
  search: 'exact',
  searchDelay: 0,
  tagIds: 'listed',
  customFields: 'listed',
};

export const FAULT_KINDS = [
  /** The connection breaks before the request takes effect, and so do those of its repetitions. */
  'is lost',
  /** The connection breaks after the request took effect. */
  'loses its answer',
  /** 200 with JSON that is cut off. */
  'is answered by half a body',
  /** No answer before the invocation ends; the request takes effect after so many seconds. */
  'takes effect 5 s later, without an answer',
  'takes effect 20 s later, without an answer',
  'takes effect 50 s later, without an answer',
  'never takes effect and gets no answer',
  /** 400. */
  'is refused',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

interface Fault {
  kind: FaultKind;
  /** Requests that pass before it. */
  after: number;
  onlyWrites: boolean;
}

export const CRM_URL = 'http://crm.test';
export const USER_ID_FIELD = 'App User Id';
/** A field and a tag that the sync does not manage: staff or web forms set them. */
const SHOE_SIZE = 'Shoe Size';
const NEWSLETTER = 'Newsletter';
const CONTACT_PATH = /\/contacts\/(\d+)/;
const ADDRESS_PATH = /\/emailAddresses\/([^/?]+)/;
const MS_UNTIL_ARRIVAL = 80;
const MS_UNTIL_ANSWER = 80;

/** The CRM of one history: the app of the simulator, called in this process, with faults in front of it. */
export class Crm {
  readonly simulator: Simulator;
  readonly catalog: CatalogSource;
  /** Emails of which a web form added another contact, or one that a late search may not have shown to the sync in time. */
  readonly doubledEmails = new Set<string>();
  /** Values that people typed into unmanaged fields, by contact and path. */
  readonly typed = new Map<number, Map<string, string>>();
  /** Contacts that the sync created. */
  readonly createdBySync = new Set<number>();
  /** Contacts that the sync deleted, with the user that they named and their emails. */
  readonly deletedBySync: { contactId: number; userId: string | undefined; emails: string[] }[] = [];
  /** Contacts that people changed soon after the sync read them: an update that names the array items it read can undo the change. */
  readonly changedDuringUpdate = new Set<number>();
  /** Contacts that were merged into another. */
  merges = 0;
  /** Requests that the CRM refused. */
  refusals = 0;
  /** Emails whose opt-in or withdrawal the CRM refused. */
  readonly refusedAddresses = new Set<string>();
  readonly #simulation: Simulation;
  readonly #account: Account;
  readonly #app: ReturnType<typeof simulatorApp>;
  readonly #userIdPath: string;
  readonly #shoeSizePath: string;
  readonly #newsletter: number;
  #faults: Fault[] = [];
  #missingUntil = 0;
  /** When the sync last read each contact, in epoch milliseconds. */
  readonly #readAt = new Map<number, number>();
  #formsFilledIn = 0;

  /** Whether answers leave out tags. */
  get hidesTags(): boolean {
    return this.#account.tagIds === 'left out';
  }

  /** Whether an update drops array items that it does not list. */
  get replacesArrays(): boolean {
    return this.#account.arrays === 'replace' || this.#account.putArrays === 'replace';
  }

  constructor(simulation: Simulation, account: Account) {
    this.#simulation = simulation;
    this.#account = account;
    this.simulator = createSimulator({
      arrays: { put: account.putArrays, patch: account.arrays },
      answers: {
        tagIds: account.tagIds === 'listed',
        listedCustomFields: account.customFields === 'listed',
      },
      search: account.search,
      searchDelayMs: account.searchDelay * 1000,
      latency: { medianMs: 0, p95Ms: 0 },
      limits: { second: 10_000, minute: 100_000 },
      limitHeaders: false,
      now: () => simulation.now,
    });
    const { store, foreign } = this.simulator;
    const requirements = requirementsOf(mapping);
    const tags = requirements.tags.map((tag) => ({ ...tag, id: store.createTag(tag.name).id }));
    const customFields = requirements.customFields.map(({ label, ...field }) => ({
      ...field,
      name: label,
      id: store.createCustomField(label, field.type).id,
    }));
    this.#userIdPath = `custom_fields.${customFields.find(({ name }) => name === USER_ID_FIELD)?.id}`;
    this.#shoeSizePath = `custom_fields.${store.createCustomField(SHOE_SIZE, 'Text').id}`;
    this.#newsletter = store.createTag(NEWSLETTER).id;
    const fields = [...managedFields(mapping)].filter((key) => !key.startsWith('custom_fields.'));
    foreign.declare({
      fields: fields.map((key) => ARRAY_ITEMS[key] ?? key),
      customFields: Object.keys(mapping.customFields),
      tags: managedTags(mapping),
    });
    this.#app = simulatorApp(this.simulator);
    const read = () => {
      const account = { tags, customFields, leadSources: [], contactTypes: [] };
      const modes = { put: this.#account.putArrays, patch: this.#account.arrays };
      const catalog = catalogOf(account, requirements, simulation.now);
      return { ...catalog, arrays: { modes, learnedAt: catalog.refreshedAt } };
    };
    const catalog = read();
    this.catalog = {
      current: async () => catalog,
      latest: async () => catalog,
      newerThan: async () => read(),
      withProvinces: async () => read(),
      exclusively: (work) => work(),
      adopt: async (account) => account,
    };
  }

  /** Requests of one environment, without a rate limit. @param deadline when its invocation ends, in epoch milliseconds. */
  fetchFor(life: Life, deadline: () => number): typeof fetch {
    const simulation = this.#simulation;
    const pause = (ms: number) => simulation.wait(ms * (0.5 + simulation.random()), life);
    return async (input, init) => {
      const request = new Request(input, init);
      request.headers.set('x-keap-api-key', DEFAULT_TOKEN);
      // As in `paced-fetch.ts`.
      const cutOffAt = deadline() - WRITE_BACK_MS;
      if (simulation.now > cutOffAt - ANSWER_TIME.minMs) throw outOfTime();
      await pause(MS_UNTIL_ARRIVAL);
      const fault = this.#faultFor(request);
      if (fault === undefined) {
        const answer = await this.#answer(request);
        await pause(MS_UNTIL_ANSWER);
        return answer;
      }
      if (fault === 'is refused') {
        this.refusals++;
        const [, address] = ADDRESS_PATH.exec(request.url) ?? [];
        if (address) this.refusedAddresses.add(decodeURIComponent(address));
        return Response.json({ message: 'Refused' }, { status: 400 });
      }
      if (fault === 'is lost') throw noAnswer();
      if (fault === 'loses its answer' || fault === 'is answered by half a body') {
        await this.#answer(request);
        await pause(MS_UNTIL_ANSWER);
        if (fault === 'loses its answer') throw noAnswer();
        return new Response('{"id": 12, "given_na', { headers: { 'content-type': 'application/json' } });
      }
      const [seconds] = /\d+/.exec(fault) ?? [];
      if (seconds) simulation.schedule(Number(seconds) * 1000, () => this.#answer(request));
      await simulation.wait(cutOffAt - simulation.now, life);
      throw noAnswer();
    };
  }

  armFault(kind: FaultKind, after: number, onlyWrites: boolean): void {
    this.#faults.push({ kind, after, onlyWrites });
  }

  /** Answers 404 to all requests that name a contact, for this time. */
  hideContacts(ms: number): void {
    this.#missingUntil = this.#simulation.now + ms;
  }

  endFaults(): void {
    this.#faults = [];
    this.#missingUntil = 0;
  }

  /** A person fills in a web form. */
  fillInForm(email: string): StoredContact {
    const hasEmail = ({ values }: StoredContact) => values.get('email_addresses.EMAIL1') === email;
    const isLate = this.simulator.search.delayMs > 0;
    if (isLate || [...this.simulator.store.contacts.values()].some(hasEmail)) this.doubledEmails.add(email);
    const values = new Map([
      ['email_addresses.EMAIL1', email],
      ['given_name', 'Someone'],
    ]);
    const contact = this.simulator.store.create(values, this.#simulation.now);
    contact.tagIds.add(this.#newsletter);
    this.typeInto(contact);
    return contact;
  }

  /** Staff add what the sync does not manage. */
  typeInto({ id, values }: StoredContact): void {
    const number = ++this.#formsFilledIn;
    this.#noteChange(id);
    const typed = new Map([
      [this.#shoeSizePath, String(30 + number)],
      ['phone_numbers.PHONE2', `+1303555${1000 + number}`],
      ['job_title', `Coach ${number}`],
    ]);
    for (const [path, value] of typed) values.set(path, value);
    this.typed.set(id, typed);
  }

  deleteContact({ id }: StoredContact): void {
    this.simulator.store.contacts.delete(id);
    this.typed.delete(id);
  }

  /** Staff merge two contacts by hand. @param takesValues whether the survivor gets the values of the other where both have one. */
  merge(from: StoredContact, into: StoredContact, takesValues: boolean): void {
    this.merges++;
    this.#noteChange(into.id);
    const values = takesValues ? 'from' : 'into';
    mergeContacts(this.simulator.store, { fromId: from.id, intoId: into.id, values }, this.#simulation.now);
    const paths = [from, into].flatMap(({ id }) => [...(this.typed.get(id)?.keys() ?? [])]);
    this.typed.delete(from.id);
    this.typed.set(
      into.id,
      new Map(
        paths.flatMap((path): [string, string][] => {
          const value = into.values.get(path);
          return value === undefined ? [] : [[path, value]];
        }),
      ),
    );
  }

  /** The user that a contact names. */
  userIdOf(contact: StoredContact): string | undefined {
    return contact.values.get(this.#userIdPath);
  }

  /** Names of a contact's tags. */
  tagsOf({ tagIds }: StoredContact): string[] {
    return [...tagIds].map((id) => this.simulator.store.tags.get(id)?.name ?? String(id)).sort();
  }

  /** The value of a field of the mapping. */
  valueOf({ values }: StoredContact, key: string): string | undefined {
    if (!key.startsWith('custom_fields.')) return values.get(ARRAY_ITEMS[key] ?? key);
    const label = key.slice('custom_fields.'.length);
    const field = [...this.simulator.store.customFields.values()].find((each) => each.label === label);
    return values.get(`custom_fields.${field?.id}`);
  }

  #noteChange(contactId: number): void {
    if (this.#simulation.now - (this.#readAt.get(contactId) ?? 0) <= INVOCATION_MS)
      this.changedDuringUpdate.add(contactId);
  }

  #faultFor(request: Request): FaultKind | undefined {
    const isWrite = request.method !== 'GET';
    const fault = this.#faults.find(({ onlyWrites }) => isWrite || !onlyWrites);
    if (!fault || fault.after-- > 0) return undefined;
    this.#faults = this.#faults.filter((each) => each !== fault);
    return fault.kind;
  }

  async #answer(request: Request): Promise<Response> {
    if (this.#simulation.now < this.#missingUntil && CONTACT_PATH.test(request.url))
      return Response.json({ message: 'Unable to find this Contact' }, { status: 404 });
    const { contacts } = this.simulator.store;
    const [, contactId] = CONTACT_PATH.exec(request.url) ?? [];
    if (contactId && request.method === 'GET') this.#readAt.set(Number(contactId), this.#simulation.now);
    const before = new Map(contacts);
    const answer = await this.#app.fetch(request);
    for (const [id, contact] of before)
      if (!contacts.has(id))
        this.deletedBySync.push({ contactId: id, userId: this.userIdOf(contact), emails: emailsOf(contact) });
    for (const id of contacts.keys()) if (!before.has(id)) this.createdBySync.add(id);
    return answer;
  }
}

/** Paths of the managed items of arrays in the simulator, by key of the mapping. */
const ARRAY_ITEMS: Readonly<Record<string, string>> = {
  EMAIL1: 'email_addresses.EMAIL1',
  PHONE1: 'phone_numbers.PHONE1',
};

const emailsOf = ({ values }: StoredContact): string[] =>
  EMAIL_PATHS.flatMap((path) => values.get(path) ?? []);

/** As from an expired `AbortSignal.timeout`. The client does not repeat such a request. */
const noAnswer = () => new DOMException('No answer', 'TimeoutError');

const outOfTime = () =>
  new RetryableError('The invocation ends too soon for another request', { afterMs: OUT_OF_TIME_MS });
