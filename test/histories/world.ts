import { marshall } from '@aws-sdk/util-dynamodb';
import type { SQSRecord } from 'aws-lambda';
import { changeMessage } from '../../lambdas/diff-user/change-message.ts';
import { readChange } from '../../lambdas/diff-user/read-change.ts';
import type { FailureQueue } from '../../lambdas/sync-contact/failure-queue.ts';
import { BATCH_SIZE } from '../../shared/quota/pace.ts';
import { backoffMs, CONFLICT, INVOCATION_MS, VISIBILITY_MS } from '../../shared/quota/retry-policy.ts';
import type { ErasureRecordStore } from '../../shared/store/erasure-records.ts';
import type { Message } from '../../shared/sync/message.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { CrmState } from '../../shared/user/user.ts';
import { EMAIL_PATHS, type StoredContact } from '../simulator/account/contact-store.ts';
import {
  memoryClaimStore,
  memoryErasureRecordStore,
  memorySyncTable,
  memoryUserTable,
} from '../support/crm-under-test.ts';
import { FifoQueue } from '../support/fifo-queue.ts';
import { type Account, Crm } from './crm.ts';
import { Environment, type SharedPorts } from './environment.ts';
import { Simulation } from './simulation.ts';

export const USERS = ['ann', 'bob', 'cem'] as const;

/** An item of the user table. */
export type Item = Record<string, unknown> & { userId: string; crm?: CrmState | undefined };

export interface DeadLetter {
  body: string;
  group: string;
  reason: string;
  /** Whether another user stood in the way, and neither had changed its email for as long as a conflict is waited for. */
  conflict: boolean;
}

export interface WorldOptions {
  account: Account;
  /** How many invocations run side by side. */
  environments: 1 | 2;
  /** Varies times and batches. */
  seed: number;
}

const START = Date.parse('2026-06-15T12:00:00Z');
/** How long a conflict of two users has to stand. The times of changes are rounded down to the second. */
const CONFLICT_MS = CONFLICT.limitMs - 1000;
/** More events than a history needs until every change is processed. */
const MAX_EVENTS = 20_000;
const INVOKE_MS = 15;
/** Time from a change to its message, in milliseconds. */
const STREAM_MS = 400;

/** The user table with its stream, the queue, the function and the CRM, on a simulated clock. */
export class World {
  readonly simulation: Simulation;
  readonly crm: Crm;
  readonly users: ReturnType<typeof memoryUserTable>;
  readonly queue = new FifoQueue();
  erasureRecords: ErasureRecordStore = memoryErasureRecordStore();
  /** All dead letters that were ever sent. */
  readonly deadLetters: DeadLetter[] = [];
  /** Dead letters that were not redriven. */
  undelivered: DeadLetter[] = [];
  readonly bugs: unknown[] = [];
  /** All `crm` maps that the items of each user have had since they were created, oldest first. */
  readonly crmMaps = new Map<string, CrmState[]>();
  /** Ids of all contacts that each user has ever had, those of earlier accounts included. */
  readonly contactIds = new Map<string, Set<number>>();
  /** All emails that each user has had. */
  readonly emails = new Map<string, Set<string>>();
  readonly #environments: Environment[];
  #ports: SharedPorts;
  /** When the last change of each user arrives in the queue, in epoch milliseconds. */
  readonly #arrivals = new Map<string, number>();
  readonly #extraDelays = new Map<string, number>();
  #changesInStream = 0;
  /** When each user got the email that it has. */
  readonly #emailsSince = new Map<string, number>();
  /** When each user was last in conflict: an invocation that has read the conflict may reject the user a little later. */
  readonly #conflictsUntil = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.simulation = new Simulation(START, options.seed);
    this.crm = new Crm(this.simulation, options.account);
    this.users = memoryUserTable();
    this.#ports = this.#newPorts();
    this.#environments = Array.from({ length: options.environments }, () => this.#newEnvironment());
  }

  get now(): number {
    return this.simulation.now;
  }

  item(userId: string): Item | undefined {
    return this.users.rows.get(userId) as Item | undefined;
  }

  livingUsers(): Item[] {
    return [...this.users.rows.values()] as Item[];
  }

  contacts(): StoredContact[] {
    return [...this.crm.simulator.store.contacts.values()];
  }

  /** The contact that a user's item names, if the CRM has it. */
  contactOf(userId: string): StoredContact | undefined {
    return this.crm.simulator.store.contacts.get(this.item(userId)?.crm?.contactId ?? 0);
  }

  /**
   * Other living users who stand in a user's way: they have the same email, or their contact still has it, since they are in conflict with
   * a third user or have no email.
   */
  rivalsOf(userId: string, known: readonly string[] = []): string[] {
    const email = this.item(userId)?.['email'];
    if (email === undefined) return [];
    const isInTheWay = (other: Item): boolean => {
      if (other['email'] === email) return true;
      const contact = this.contactOf(other.userId);
      if (!contact || !EMAIL_PATHS.some((path) => contact.values.get(path) === email)) return false;
      return (
        other['email'] === undefined ||
        this.rivalsOf(other.userId, [...known, userId, other.userId]).length > 0
      );
    };
    return this.livingUsers()
      .filter((other) => other.userId !== userId && !known.includes(other.userId) && isInTheWay(other))
      .map((other) => other.userId);
  }

  #isInConflict(userId: string): boolean {
    const age = (each: string) => this.now - (this.#emailsSince.get(each) ?? 0);
    return this.rivalsOf(userId).some((rival) => Math.min(age(userId), age(rival)) >= CONFLICT_MS);
  }

  /** The app stores an item (`PutItem`). */
  put(item: Item): void {
    this.#changeNow(item.userId, () => void this.users.rows.set(item.userId, structuredClone(item)));
  }

  /** The app changes attributes of an item, and removes those that are undefined (`UpdateItem`). */
  edit(userId: string, changes: Partial<Item>): void {
    const item = this.item(userId);
    if (item) this.put(withoutUndefined({ ...item, ...changes }));
  }

  delete(userId: string): void {
    if (this.item(userId)) this.#changeNow(userId, () => void this.users.rows.delete(userId));
  }

  send(message: Message & { userId: string }): void {
    this.queue.send(messageGroupOf(message.userId), JSON.stringify(message), this.now);
  }

  redrive(): void {
    for (const { group, body } of this.undelivered) this.queue.send(group, body, this.now);
    this.undelivered = [];
  }

  /** Delays the next changes of a user in the stream. */
  delayStream(userId: string, ms: number): void {
    this.#extraDelays.set(userId, this.now + ms);
  }

  /** Ends the running environments in the middle of their work. Their messages return after the visibility time-out. */
  killEnvironments(): void {
    for (const environment of this.#environments) if (environment.running) this.#kill(environment);
  }

  /** Starts a new stack, with an empty sync table, on the same user table and CRM. */
  replaceSyncTable(): void {
    this.erasureRecords = memoryErasureRecordStore();
    this.#ports = this.#newPorts();
    for (const environment of this.#environments) this.#kill(environment);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    this.#dispatch();
    while (this.#nextAt() <= end) await this.#step();
    this.simulation.now = end;
  }

  /** Lets calls of the environments pass, or stops before if nothing happens for a minute. */
  async passCalls(calls: number): Promise<void> {
    const [end, latest] = [this.simulation.calls + calls, this.now + 60_000];
    this.#dispatch();
    while (this.simulation.calls < end && this.#nextAt() <= latest) await this.#step();
  }

  /** Lets time pass until every change is processed. @returns whether that took no longer than `maxMs`. */
  async settle(maxMs: number): Promise<boolean> {
    const latest = this.now + maxMs;
    this.#dispatch();
    for (let events = 0; this.#nextAt() <= latest && events < MAX_EVENTS; events++) await this.#step();
    return this.queue.size === 0 && this.#changesInStream === 0;
  }

  #nextAt(): number {
    return Math.min(this.simulation.nextAt, this.queue.nextVisibleAt(this.now));
  }

  async #step(): Promise<void> {
    const { simulation } = this;
    const visibleAt = this.queue.nextVisibleAt(this.now);
    if (visibleAt < simulation.nextAt) simulation.now = visibleAt;
    else await simulation.step();
    this.#dispatch();
  }

  /** Starts an invocation of each idle environment for which there are messages. */
  #dispatch(): void {
    for (const environment of this.#environments) {
      if (environment.running) continue;
      const max = this.#environments.length === 1 ? BATCH_SIZE : 1 + Math.floor(3 * this.simulation.random());
      const records = this.queue.receive(max, this.now, VISIBILITY_MS);
      if (records.length > 0) this.#invoke(environment, records);
    }
  }

  #invoke(environment: Environment, records: readonly SQSRecord[]): void {
    environment.running = records;
    const run = async () => {
      const failed = await environment.invoke(records);
      this.queue.delete(records.filter(({ messageId }) => !failed.has(messageId)));
    };
    const { life } = environment;
    this.simulation.schedule(INVOKE_MS, () => void run().catch((error) => this.bugs.push(error)), life);
    const isOver = () => environment.running !== records;
    this.simulation.schedule(INVOKE_MS + INVOCATION_MS, () => isOver() || this.#kill(environment), life);
  }

  #kill(environment: Environment): void {
    environment.life.isAlive = false;
    this.#environments[this.#environments.indexOf(environment)] = this.#newEnvironment();
  }

  #newEnvironment(): Environment {
    return new Environment({
      simulation: this.simulation,
      crm: this.crm,
      ports: this.#ports,
      onBug: (error) => this.bugs.push(error),
    });
  }

  #newPorts(): SharedPorts {
    const { table } = this.users;
    return {
      users: {
        ...table,
        writeCrm: (userId, crm, over) => this.#change(userId, () => table.writeCrm(userId, crm, over)),
      },
      claimStore: memoryClaimStore(),
      erasureRecords: this.erasureRecords,
      queue: this.#failureQueue(),
      table: memorySyncTable(),
    };
  }

  #failureQueue(): FailureQueue {
    return {
      scheduleRetry: async (records, error) => {
        const receives = records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount));
        const wait = backoffMs(Math.max(...receives), error, this.simulation.random());
        this.queue.hide(records, this.now + Math.ceil(wait / 1000) * 1000);
      },
      reject: async ({ body, attributes }, { reason }) => {
        const group = attributes.MessageGroupId ?? '';
        const justNow = this.now - INVOCATION_MS <= (this.#conflictsUntil.get(group) ?? 0);
        // A change that was undone before the sync saw it leaves the conflict as it was.
        const conflict = justNow || this.#isInConflict(group) || this.rivalsOf(group).length > 0;
        const letter = { body, group, reason, conflict };
        this.deadLetters.push(letter);
        this.undelivered.push(letter);
      },
      requeue: async (messages) => {
        for (const message of messages) this.send(message);
      },
    };
  }

  #changeNow(userId: string, change: () => void): void {
    for (const each of USERS) if (this.#isInConflict(each)) this.#conflictsUntil.set(each, this.now);
    const before = this.item(userId);
    change();
    this.#record(userId, before);
  }

  async #change<Result>(userId: string, change: () => Promise<Result>): Promise<Result> {
    const before = this.item(userId);
    const result = await change();
    this.#record(userId, before);
    return result;
  }

  #remember(userId: string, before: Item | undefined, after: Item | undefined): void {
    if (!before || !after) this.crmMaps.delete(userId);
    if (after?.crm && after.crm !== before?.crm)
      this.crmMaps.set(userId, [...(this.crmMaps.get(userId) ?? []), after.crm]);
    const { contactId, formerContactIds = [] } = after?.crm ?? {};
    const had = this.contactIds.get(userId) ?? new Set();
    for (const id of [contactId, ...formerContactIds]) if (id !== undefined) had.add(id);
    this.contactIds.set(userId, had);
    const email = after?.['email'];
    if (before?.['email'] !== email) this.#emailsSince.set(userId, this.now);
    if (typeof email === 'string') this.emails.set(userId, (this.emails.get(userId) ?? new Set()).add(email));
  }

  /** Adds a change to the stream, which diff-user reads. */
  #record(userId: string, before: Item | undefined): void {
    const after = this.item(userId);
    if (before === after) return;
    this.#remember(userId, before, after);
    const images = readChange(imageOf(before), imageOf(after));
    if (!images.before && !images.after) return;
    // Rounded down to the second, as on AWS.
    const at = new Date(Math.floor(this.now / 1000) * 1000).toISOString();
    const { simulation } = this;
    const due = Math.max(
      this.now + STREAM_MS * (0.5 + 2 * simulation.random()),
      this.#arrivals.get(userId) ?? 0,
      this.#extraDelays.get(userId) ?? 0,
    );
    this.#arrivals.set(userId, due);
    this.#changesInStream++;
    simulation.schedule(due - this.now, () => {
      this.#changesInStream--;
      const message = changeMessage(mapping, { ...images, at }, this.now);
      if (message) this.send(message);
    });
  }
}

const imageOf = (item: Item | undefined) => item && marshall(item, { removeUndefinedValues: true });

const withoutUndefined = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item;
