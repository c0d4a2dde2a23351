import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  paginateScan,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import { hashRequirements } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { conditionalDelete } from '../../../shared/store/conditional-write.ts';
import { type ErasureRecord, erasureRecordStore } from '../../../shared/store/erasure-records.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { userTable } from '../../../shared/store/user-table.ts';
import { namedProperties } from '../../../shared/user/contact-fields.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { requirementsOf } from '../../../shared/user/requirements.ts';
import type { User } from '../../../shared/user/user.ts';
import type { PreviewContext } from '../preview/preview-user.ts';
import type { Outputs } from '../support/connect.ts';
import { type OperatorCrm, operatorCrm } from '../support/crm-reader.ts';

/** What an acceptance run uses of the deployed system. */
export interface TestedSystem {
  /** The user table as the app uses it. */
  app: {
    create(user: User): Promise<void>;
    /** Writes all attributes of a user except `crm`. Does not create a deleted user again. */
    edit(user: User): Promise<void>;
    remove(userId: string): Promise<void>;
    /** Current users; those that do not exist are left out. */
    read(userIds: readonly string[]): Promise<User[]>;
  };
  /** The CRM, by requests of this command. */
  crm: {
    /** A contact with all properties that the CRM returns, or undefined when there is none with this id. */
    read(contactId: number): Promise<Contact | undefined>;
    /** Results of a search for an email. They may include other contacts: compare the email. */
    search(email: string): Promise<Contact[]>;
    remove(contactId: number): Promise<void>;
    /** Optional properties that {@link read} requests. */
    requested(): ReadonlySet<string>;
    /** Requests made so far. */
    requests(): number;
  };
  /** The sync's table. */
  sync: {
    /** The context of a preview, or undefined while the sync has not read the account for this mapping. */
    context(): Promise<PreviewContext | undefined>;
    /** The erasure record of a deleted user, or undefined until the policy is applied. */
    erasureRecord(userId: string): Promise<ErasureRecord | undefined>;
    /** Keys of all items about users whose id has this prefix. Scans the whole table. */
    itemsAbout(userIdPrefix: string): Promise<string[]>;
    /** Deletes an item if it is about a user whose id has this prefix. */
    removeItem(key: string, userIdPrefix: string): Promise<void>;
  };
}

/** Creates the interface from the outputs of the stack. */
export function testedSystem(outputs: Outputs, mapping: Mapping, dynamodb: DynamoDBClient): TestedSystem {
  const [userTableName, syncTableName] = [outputs.get('UserTableName'), outputs.get('SyncTableName')];
  const store = syncTable(dynamodb, syncTableName);
  return {
    app: appOf(dynamodb, userTableName),
    crm: crmOf(operatorCrm(outputs, dynamodb)),
    sync: {
      ...itemsOf(dynamodb, syncTableName),
      async context() {
        const catalog = await store.readCatalog();
        if (catalog?.requirementsHash !== hashRequirements(requirementsOf(mapping))) return undefined;
        const deletionPolicy = outputs.get('DeletionPolicy') as DeletionPolicy;
        return { mapping, catalog, deletionPolicy, now: Date.now() };
      },
    },
  };
}

function appOf(dynamodb: DynamoDBClient, TableName: string): TestedSystem['app'] {
  const users = userTable(dynamodb, TableName);
  const removeUndefinedValues = true;
  return {
    async create(user) {
      await dynamodb.send(
        new PutItemCommand({
          TableName,
          Item: marshall(user, { removeUndefinedValues }),
        }),
      );
    },
    async edit({ userId, crm: _, ...attributes }) {
      const names = Object.keys(attributes);
      const absent = OPTIONAL_ATTRIBUTES.filter((name) => !names.includes(name));
      const remove = absent.length > 0 ? ` REMOVE ${absent.map((name) => `#${name}`).join(', ')}` : '';
      await dynamodb.send(
        new UpdateItemCommand({
          TableName,
          Key: marshall({ userId }),
          UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}${remove}`,
          ConditionExpression: 'attribute_exists(userId)',
          ExpressionAttributeNames: Object.fromEntries(
            [...names, ...absent].map((name) => [`#${name}`, name]),
          ),
          ExpressionAttributeValues: marshall(
            Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`:${name}`, value])),
            { removeUndefinedValues },
          ),
        }),
      );
    },
    async remove(userId) {
      await dynamodb.send(new DeleteItemCommand({ TableName, Key: marshall({ userId }) }));
    },
    read: (userIds) => users.readMany(userIds),
  };
}

/** Attributes that an edit of the plan removes. */
const OPTIONAL_ATTRIBUTES = ['phone'];

function crmOf(crm: OperatorCrm): TestedSystem['crm'] {
  let properties: string[] | undefined;
  return {
    read: (contactId) =>
      crm.use(async (client) => {
        properties ??= namedProperties(await client.listOptionalProperties());
        return client.readContact(contactId, properties).catch(undefinedIfGone);
      }),
    search: (email) => crm.use((client) => client.findContactsByEmail(email)),
    async remove(contactId) {
      await crm.use((client) => client.deleteContact(contactId).catch(undefinedIfGone));
    },
    requested: () => new Set(properties),
    requests: () => crm.requests(),
  };
}

function undefinedIfGone(error: unknown): undefined {
  if (error instanceof NotFoundError) return undefined;
  throw error;
}

function itemsOf(dynamodb: DynamoDBClient, TableName: string): Omit<TestedSystem['sync'], 'context'> {
  const erasureRecords = erasureRecordStore(dynamodb, TableName);
  return {
    erasureRecord: (userId) => erasureRecords.read(userId),
    async itemsAbout(userIdPrefix) {
      const keys: string[] = [];
      const scan = {
        TableName,
        ConsistentRead: true,
        ProjectionExpression: 'id',
        FilterExpression: IS_ABOUT,
        ExpressionAttributeValues: marshall({ ':prefix': userIdPrefix }),
      };
      for await (const { Items = [] } of paginateScan({ client: dynamodb }, scan))
        keys.push(...Items.map(({ id }) => id?.S ?? ''));
      return keys;
    },
    async removeItem(key, userIdPrefix) {
      await conditionalDelete(dynamodb, {
        TableName,
        Key: { id: { S: key } },
        ConditionExpression: IS_ABOUT,
        ExpressionAttributeValues: marshall({ ':prefix': userIdPrefix }),
      });
    },
  };
}

const IS_ABOUT = 'begins_with(userId, :prefix)';

/**
 * Counts users with a scan that ends early: the item count of DynamoDB is up to six hours old.
 *
 * @returns the number of users, or `most` + 1 when there are more.
 */
export async function countUsers(dynamodb: DynamoDBClient, TableName: string, most: number): Promise<number> {
  let count = 0;
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({ TableName, Select: 'COUNT', Limit: most + 1 - count, ExclusiveStartKey }),
    );
    count += page.Count ?? 0;
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey && count <= most);
  return count;
}
