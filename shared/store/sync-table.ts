import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type * as z from 'zod/mini';
import type { Invocation } from '../invocation.ts';
import type { Progress } from '../queue/progress.ts';
import type { Ledger } from '../quota/ledger.ts';
import type { SlotState } from '../quota/rate-lease.ts';
import type { VersionedStore } from '../quota/versioned-store.ts';
import { conditionalDelete, conditionalPut } from './conditional-write.ts';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { versionedItem } from './versioned-item.ts';

type Catalog = z.infer<typeof SYNC_TABLE_ITEMS.catalog.schema>;
/** How far the claims of all users are recorded. */
type ClaimIndex = z.infer<typeof SYNC_TABLE_ITEMS.claimIndex.schema>;
/** Contacts of a deleted user that are not retired yet. */
export type PendingRetirement = z.infer<typeof SYNC_TABLE_ITEMS.retirement.schema>;
/** The probe contact of a detection of the array modes. */
export type ProbeRecord = z.infer<typeof SYNC_TABLE_ITEMS.arrayProbe.schema>;
/** A report on the CRM's account. */
export type Inspection = z.infer<typeof SYNC_TABLE_ITEMS.inspection.schema>;

/** What the environments of the sync share, in the sync table. */
export interface SyncTable {
  /** The catalog, or undefined if none was stored yet or its shape is not valid. */
  readCatalog(): Promise<Catalog | undefined>;
  writeCatalog(catalog: Catalog): Promise<void>;
  /** The last report on the account, or undefined if none was stored yet or its shape is not valid. */
  readInspection(): Promise<Inspection | undefined>;
  writeInspection(inspection: Inspection): Promise<void>;
  /** Ids of companies in the CRM, by the key of their item. */
  readCompanyId(key: string): Promise<number | undefined>;
  writeCompanyId(key: string, crmId: number): Promise<void>;
  /** Whether the sync was about to create a company with this name. */
  hasOwnCompany(name: string): Promise<boolean>;
  /** @param at epoch milliseconds. */
  writeOwnCompany(name: string, at: number): Promise<void>;
  /** The probe contact, or undefined if there was none yet. */
  readProbe(): Promise<ProbeRecord | undefined>;
  writeProbe(probe: ProbeRecord): Promise<void>;
  deleteProbe(): Promise<void>;
  readClaimIndex(): Promise<ClaimIndex | undefined>;
  writeClaimIndex(index: ClaimIndex): Promise<void>;
  readRetirement(userId: string): Promise<PendingRetirement | undefined>;
  writeRetirement(userId: string, retirement: PendingRetirement): Promise<void>;
  deleteRetirement(userId: string): Promise<void>;
  /** Requests made so far, and the pause. */
  ledger: VersionedStore<Ledger>;
  /** When the consumer last succeeded, and which message groups wait. */
  progress: VersionedStore<Progress>;
  /** Values that the CRM has refused, by field. */
  refusals: VersionedStore<z.infer<typeof SYNC_TABLE_ITEMS.refusals.schema>['value']>;
  /** Who may start requests when. */
  slots: VersionedStore<SlotState>;
  /**
   * Takes a lease for the rest of an invocation, unless another invocation has it. A lease of an earlier invocation of the same environment
   * is free: that invocation has ended.
   *
   * @param now epoch milliseconds.
   * @returns whether the invocation has the lease now.
   */
  acquireLease(name: string, holder: Invocation, now: number): Promise<boolean>;
  /** Releases a lease, unless another invocation has taken it over. */
  releaseLease(name: string, holder: Invocation): Promise<void>;
}

const keyOf = (id: string) => ({ id: { S: id } });

/** The sync table in DynamoDB. */
export function syncTable(client: DynamoDBClient, TableName: string): SyncTable {
  const { catalog, inspection, claimIndex, retirement, company, ownCompany, arrayProbe } = SYNC_TABLE_ITEMS;
  const { ledger, progress, refusals, slots, lease } = SYNC_TABLE_ITEMS;
  const read = async (id: string): Promise<Record<string, unknown> | undefined> => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key: keyOf(id), ConsistentRead: true }),
    );
    return Item && unmarshallItem(Item);
  };
  const write = async (id: string, attributes: object): Promise<void> => {
    const Item = marshall({ id, ...attributes }, { removeUndefinedValues: true });
    await client.send(new PutItemCommand({ TableName, Item }));
  };
  const remove = async (id: string): Promise<void> => {
    await client.send(new DeleteItemCommand({ TableName, Key: keyOf(id) }));
  };
  return {
    readCatalog: async () => catalog.schema.safeParse(await read(catalog.key())).data,
    writeCatalog: (found) => write(catalog.key(), found),
    readInspection: async () => inspection.schema.safeParse(await read(inspection.key())).data,
    writeInspection: (report) => write(inspection.key(), report),
    async readCompanyId(key) {
      const item = await read(key);
      return item && company.schema.parse(item).crmId;
    },
    writeCompanyId: (key, crmId) => write(key, { crmId }),
    hasOwnCompany: async (name) => (await read(ownCompany.key(name))) !== undefined,
    writeOwnCompany: (name, at) => write(ownCompany.key(name), { at }),
    async readProbe() {
      const item = await read(arrayProbe.key());
      return item && arrayProbe.schema.parse(item);
    },
    writeProbe: (probe) => write(arrayProbe.key(), probe),
    deleteProbe: () => remove(arrayProbe.key()),
    async readClaimIndex() {
      const item = await read(claimIndex.key());
      return item && claimIndex.schema.parse(item);
    },
    writeClaimIndex: (index) => write(claimIndex.key(), index),
    async readRetirement(userId) {
      const item = await read(retirement.key(userId));
      return item && retirement.schema.parse(item);
    },
    writeRetirement: (userId, pending) => write(retirement.key(userId), pending),
    deleteRetirement: (userId) => remove(retirement.key(userId)),
    ledger: versionedItem(client, TableName, ledger),
    progress: versionedItem(client, TableName, progress),
    refusals: versionedItem(client, TableName, refusals),
    slots: versionedItem(client, TableName, slots),
    async acquireLease(name, { environment, number, endsAt }, now) {
      const { stored } = await conditionalPut(
        client,
        TableName,
        {
          id: lease.key(name),
          ...({ environment, invocation: number, until: endsAt } satisfies z.infer<typeof lease.schema>),
        },
        {
          ConditionExpression:
            'attribute_not_exists(id) OR #until < :now OR (environment = :environment AND invocation <> :invocation)',
          ExpressionAttributeNames: { '#until': 'until' },
          values: { ':now': now, ':environment': environment, ':invocation': number },
        },
        () => undefined,
      );
      return stored;
    },
    releaseLease: (name, { environment, number }) =>
      conditionalDelete(client, {
        TableName,
        Key: keyOf(lease.key(name)),
        ConditionExpression: 'environment = :environment AND invocation = :invocation',
        ExpressionAttributeValues: marshall({ ':environment': environment, ':invocation': number }),
      }),
  };
}
