import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';
import { suppressRule } from './nag-suppressions.ts';
import { removalPolicyOf } from './removal-policy.ts';
import { TokenRotation } from './token-rotation.ts';

/** Where the CRM's credentials are: a secret that is there already, or a new one that somebody has to fill in. */
export class CrmSecret extends Construct {
  readonly secretArn: string;
  /** Unless another program renews the tokens. */
  readonly rotation: TokenRotation | undefined;

  constructor(scope: Construct, id: string, { config, encryption }: ConstructContext) {
    super(scope, id);
    const { crm } = config;
    const secret = crm.existingSecretArn
      ? Secret.fromSecretCompleteArn(this, 'Secret', crm.existingSecretArn)
      : new Secret(this, 'Secret', {
          ...(crm.secretName !== undefined && { secretName: crm.secretName }),
          ...encryption.ofLogsOrSecret,
          description: `Credentials for Infusionsoft of the stack ${config.stackName}: npx --no user-sync authorize stores them`,
          // Says that nobody has filled it in yet; the key beside it only exists because CDK asks for one.
          generateSecretString: {
            secretStringTemplate: '{"kind":"unset"}',
            generateStringKey: 'placeholder',
          },
          removalPolicy: removalPolicyOf(config),
        });
    this.secretArn = secret.secretArn;
    if (crm.tokenRotationHours === 'off')
      suppressRule(secret, 'rotation', 'Another program renews the tokens (crm.tokenRotationHours: off)');
    else
      this.rotation = new TokenRotation(this, 'Rotation', {
        config,
        encryption,
        secretArn: secret.secretArn,
      });
  }
}
