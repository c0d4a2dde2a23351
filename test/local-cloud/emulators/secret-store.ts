import { randomUUID } from 'node:crypto';

/** A version of a secret, with the stages that point to it. */
export interface SecretVersion {
  id: string;
  /** Undefined in a version that a rotation has just begun. */
  value: string | undefined;
  stages: Set<string>;
  createdAt: Date;
}

export interface StoredSecret {
  name: string;
  arn: string;
  /** From the oldest to the newest. */
  versions: SecretVersion[];
  /** Invokes the function that rotates it, if it has one. */
  rotation?: (event: RotationEvent) => Promise<unknown>;
}

/** What Secrets Manager passes to a rotation function. */
interface RotationEvent {
  Step: (typeof ROTATION_STEPS)[number];
  SecretId: string;
  ClientRequestToken: string;
}

const ROTATION_STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** The secrets of one account, in memory. Stages move as AWS Secrets Manager moves them. */
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
   * Adds a version with these stages, or fills the one that a rotation began. AWSCURRENT moves to it unless other stages are named;
   * the version that was current becomes the previous one.
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

  /** Moves a stage to a version, or takes it off. The version that was current becomes the previous one. */
  move(secret: StoredSecret, stage: string, to: SecretVersion | undefined): void {
    const from = secret.versions.find(({ stages }) => stages.has(stage));
    if (from === to) return;
    from?.stages.delete(stage);
    to?.stages.add(stage);
    if (stage === 'AWSCURRENT' && from) this.move(secret, 'AWSPREVIOUS', from);
  }

  /**
   * Begins a rotation as Secrets Manager does: AWSPENDING goes to a version without a value. One that an unfinished rotation left
   * goes on instead (AWS Secrets Manager, "How rotation works").
   * @returns the version's id.
   */
  beginRotation(secret: StoredSecret): string {
    const unfinished = secret.versions.find(
      ({ stages }) => stages.has('AWSPENDING') && !stages.has('AWSCURRENT'),
    );
    return (unfinished ?? this.put(secret, undefined, { stages: ['AWSPENDING'] })).id;
  }

  /**
   * Rotates a secret to the end.
   * @throws what its function throws, when it has none, and when it leaves AWSPENDING where it blocks the next rotation.
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
