import type { Catalog } from '../../shared/infusionsoft/catalog.ts';
import type { Ledger } from '../../shared/quota/ledger.ts';
import type { TagUsersMessage, UserMessage } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';

/** What a backfill sends. */
export type FedMessage = UserMessage | TagUsersMessage;

/** Who runs: one backfill at a time. */
export interface RunOwner {
  runId: string;
  executionArn: string;
}

/** What a run reads and writes. */
export interface BackfillPorts {
  /** Users after one, in the order of the table, and whether there are more. */
  usersAfter(cursor: string | null): Promise<{ users: readonly User[]; finished: boolean }>;
  /** About how many users there are. */
  countUsers(): Promise<number>;
  catalog(): Promise<Catalog | undefined>;
  /** Messages in the queue, those being worked on too. */
  backlog(): Promise<number>;
  /** Sends messages. Throws unless all are sent; sending one again does no harm. */
  send(messages: readonly FedMessage[], runId: string): Promise<void>;
  /** The requests made so far, by all who use the quota. */
  ledger(): Promise<Ledger | undefined>;
  owner(): Promise<RunOwner | undefined>;
  /** Takes the run over from `previous`. @returns false when somebody else was quicker. */
  own(owner: RunOwner, previous: RunOwner | undefined): Promise<boolean>;
  disown(owner: RunOwner): Promise<void>;
  isRunning(executionArn: string): Promise<boolean>;
  /** Starts another execution of the same state machine. @returns its ARN. */
  startExecution(name: string, input: unknown): Promise<string>;
  /** Epoch milliseconds. */
  now(): number;
}
