import { z } from 'zod';
import { ServiceError, startJsonService } from './aws-json-service.ts';
import { SecretStore, type SecretVersion, type StoredSecret } from './secret-store.ts';

export interface SecretsManager {
  endpoint: string;
  store: SecretStore;
  stop(): Promise<void>;
}

const requestSchema = z.looseObject({
  SecretId: z.string(),
  SecretString: z.string().optional(),
  ClientRequestToken: z.string().optional(),
  VersionId: z.string().optional(),
  VersionStage: z.string().optional(),
  VersionStages: z.array(z.string()).min(1).optional(),
  MoveToVersionId: z.string().optional(),
  RemoveFromVersionId: z.string().optional(),
});

type Operation = (store: SecretStore, request: z.output<typeof requestSchema>) => Record<string, unknown>;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  [
    'GetSecretValue',
    (store, { SecretId, VersionId, VersionStage }) => {
      const secret = find(store, SecretId);
      const stage = VersionStage ?? (VersionId ? undefined : 'AWSCURRENT');
      const version = secret.versions.find(
        ({ id, stages }) => (!VersionId || id === VersionId) && (!stage || stages.has(stage)),
      );
      if (version?.value === undefined) throw notFound('secret value');
      return {
        ...versionOf(secret, version),
        SecretString: version.value,
        CreatedDate: seconds(version.createdAt),
      };
    },
  ],
  [
    'PutSecretValue',
    (store, { SecretId, SecretString, ClientRequestToken, VersionStages }) => {
      const secret = find(store, SecretId);
      if (SecretString === undefined)
        throw new ServiceError('InvalidParameterException', 'Only SecretString is known to the local cloud.');
      const same = secret.versions.find(({ id, value }) => id === ClientRequestToken && value !== undefined);
      if (same && same.value !== SecretString)
        throw new ServiceError('ResourceExistsException', 'The token belongs to another value.');
      const options = {
        ...(ClientRequestToken !== undefined && { versionId: ClientRequestToken }),
        ...(VersionStages && { stages: VersionStages }),
      };
      return versionOf(secret, same ?? store.put(secret, SecretString, options));
    },
  ],
  [
    'UpdateSecretVersionStage',
    (store, { SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }) => {
      const secret = find(store, SecretId);
      const holder = secret.versions.find(({ stages }) => stages.has(VersionStage ?? ''));
      const to = secret.versions.find(({ id }) => id === MoveToVersionId);
      if (MoveToVersionId !== undefined && !to) throw notFound('secret version');
      const isOnOther = RemoveFromVersionId !== undefined && holder?.id !== RemoveFromVersionId;
      if (isOnOther || (holder && holder !== to && RemoveFromVersionId === undefined))
        throw new ServiceError(
          'InvalidParameterException',
          `The stage ${VersionStage} is on another version than RemoveFromVersionId.`,
        );
      store.move(secret, VersionStage ?? '', to);
      return { ARN: secret.arn, Name: secret.name };
    },
  ],
  [
    'DescribeSecret',
    (store, { SecretId }) => {
      const { arn, name, versions } = find(store, SecretId);
      const stages = versions.map(({ id, stages }) => [id, [...stages]]);
      return { ARN: arn, Name: name, VersionIdsToStages: Object.fromEntries(stages) };
    },
  ],
]);

/** Starts a Secrets Manager with the operations that read and renew a secret, on a free port of 127.0.0.1. */
export async function startSecretsManager(): Promise<SecretsManager> {
  const store = new SecretStore();
  const operations = [...OPERATIONS].map(
    ([name, perform]) => [name, (request: unknown) => perform(store, requestSchema.parse(request))] as const,
  );
  return { store, ...(await startJsonService('secretsmanager', new Map(operations))) };
}

function find(store: SecretStore, secretId: string): StoredSecret {
  const secret = store.find(secretId);
  if (!secret) throw notFound('secret');
  return secret;
}

function notFound(what: string): ServiceError {
  return new ServiceError('ResourceNotFoundException', `Secrets Manager can't find the specified ${what}.`);
}

function versionOf({ arn, name }: StoredSecret, { id, stages }: SecretVersion) {
  return { ARN: arn, Name: name, VersionId: id, VersionStages: [...stages] };
}

function seconds(date: Date): number {
  return date.getTime() / 1000;
}
