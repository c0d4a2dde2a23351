import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import type { Ledger } from '../../shared/quota/ledger.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import type { RunLocks } from '../../shared/store/run-lock.ts';
import type { TagUsersMessage, UserMessage } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';

/** What a backfill sends. */
export type FedMessage = UserMessage | TagUsersMessage;

/** What a run reads and writes. */
export interface BackfillPorts {
  /** Users after one, in the order of the table, and whether there are more. */
  usersAfter(cursor: string | null): Promise<{ users: readonly User[]; finished: boolean }>;
  /** Users as stored now; those who are gone are left out. */
  users(userIds: readonly string[]): Promise<readonly User[]>;
  /** About how many users there are. */
  countUsers(): Promise<number>;
  catalog(): Promise<Catalog | undefined>;
  /** Sends messages. Throws unless all are sent; sending one again does no harm. */
  send(messages: readonly FedMessage[], runId: string): Promise<void>;
  /** Message groups that fail again and again. */
  postponed: Pick<PostponedStore, 'read'>;
  /** The requests made so far, by all who use the quota. */
  ledger(): Promise<Ledger | undefined>;
  locks: RunLocks;
  isRunning(executionArn: string): Promise<boolean>;
  /** Starts another execution of the same state machine. @returns its ARN. */
  startExecution(name: string, input: unknown): Promise<string>;
  /** Called when a call ends early: what it has done is kept, and the next call goes on. */
  onFailure(error: unknown): void;
  sleep(ms: number): Promise<void>;
  /** Epoch milliseconds. */
  now(): number;
}
