import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ServiceError, startJsonService } from './aws-json-service.ts';

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
        throw new ServiceError('InvalidParameterException', 'The local cloud supports only SecretString.');
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

/** Starts a Secrets Manager with the operations that read and rotate a secret, on a free port of 127.0.0.1. */
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

/** A version of a secret with its staging labels. */
export interface SecretVersion {
  id: string;
  /** Undefined while a rotation has not set it yet. */
  value: string | undefined;
  stages: Set<string>;
  createdAt: Date;
}

export interface StoredSecret {
  name: string;
  arn: string;
  /** Oldest first. */
  versions: SecretVersion[];
  /** Invokes its rotation function, if it has one. */
  rotation?: (event: RotationEvent) => Promise<unknown>;
}

/** Event of a rotation function. */
interface RotationEvent {
  Step: (typeof ROTATION_STEPS)[number];
  SecretId: string;
  ClientRequestToken: string;
}

const ROTATION_STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** The secrets of one account, in memory. Stages move as in AWS Secrets Manager. */
export class SecretStore {
  readonly #secrets: StoredSecret[] = [];

  create(name: string, arn: string, value: string): StoredSecret {
    const secret: StoredSecret = { name, arn, versions: [] };
    this.#secrets.push(secret);
    this.put(secret, value);
    return secret;
  }

  /** By name, ARN, or ARN without the six random characters at its end. */
  find(secretId: string): StoredSecret | undefined {
    const withoutSuffix = (arn: string) => arn.slice(0, -'-abcdef'.length);
    return this.#secrets.find(
      ({ name, arn }) => name === secretId || arn === secretId || withoutSuffix(arn) === secretId,
    );
  }

  /**
   * Adds a version with these stages, or sets the value of the one that a rotation has created. AWSCURRENT moves to it unless
   * other stages are given; the version that was current becomes AWSPREVIOUS.
   */
  put(
    secret: StoredSecret,
    value: string | undefined,
    {
      versionId = randomUUID(),
      stages = ['AWSCURRENT'],
    }: { versionId?: string; stages?: readonly string[] } = {},
  ): SecretVersion {
    let version = secret.versions.find(({ id }) => id === versionId);
    if (version) version.value = value;
    else {
      version = { id: versionId, value, stages: new Set<string>(), createdAt: new Date() };
      secret.versions.push(version);
    }
    for (const stage of stages) this.move(secret, stage, version);
    return version;
  }

  /** Moves a stage to a version, or removes it. The version that was AWSCURRENT becomes AWSPREVIOUS. */
  move(secret: StoredSecret, stage: string, to: SecretVersion | undefined): void {
    const from = secret.versions.find(({ stages }) => stages.has(stage));
    if (from === to) return;
    from?.stages.delete(stage);
    to?.stages.add(stage);
    if (stage === 'AWSCURRENT' && from) this.move(secret, 'AWSPREVIOUS', from);
  }

  /**
   * Begins a rotation: AWSPENDING goes to a new version without a value, or stays on the version of an unfinished rotation
   * (AWS Secrets Manager, "How rotation works").
   *
   * @returns id of the version.
   */
  beginRotation(secret: StoredSecret): string {
    const unfinished = secret.versions.find(
      ({ stages }) => stages.has('AWSPENDING') && !stages.has('AWSCURRENT'),
    );
    return (unfinished ?? this.put(secret, undefined, { stages: ['AWSPENDING'] })).id;
  }

  /**
   * Rotates a secret.
   *
   * @throws the error of its function; Error when it has none, or when AWSPENDING stays where it blocks the next rotation.
   */
  async rotate(secret: StoredSecret): Promise<void> {
    if (!secret.rotation) throw new Error(`The secret ${secret.name} has no rotation`);
    const ClientRequestToken = this.beginRotation(secret);
    for (const Step of ROTATION_STEPS) {
      await secret.rotation({ Step, SecretId: secret.arn, ClientRequestToken });
    }
    const blocked = secret.versions.some(
      ({ stages }) => stages.has('AWSPENDING') && !stages.has('AWSCURRENT'),
    );
    if (blocked) throw new Error(`The rotation of ${secret.name} ended before its last step`);
  }
}
