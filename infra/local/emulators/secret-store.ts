import { randomUUID } from 'node:crypto';

/** A version of a secret, with the stages that point to it. */
export interface SecretVersion {
  id: string;
  value: string;
  stages: Set<string>;
  createdAt: Date;
}

export interface StoredSecret {
  name: string;
  arn: string;
  /** From the oldest to the newest. */
  versions: SecretVersion[];
}

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

  /** Adds a version that becomes the current one; the one before becomes the previous one. */
  put(secret: StoredSecret, value: string, versionId: string = randomUUID()): SecretVersion {
    const version = { id: versionId, value, stages: new Set(['AWSCURRENT']), createdAt: new Date() };
    const before = secret.versions.find(({ stages }) => stages.has('AWSCURRENT'));
    if (before) {
      for (const { stages } of secret.versions) stages.delete('AWSPREVIOUS');
      before.stages.delete('AWSCURRENT');
      before.stages.add('AWSPREVIOUS');
    }
    secret.versions.push(version);
    return version;
  }
}
