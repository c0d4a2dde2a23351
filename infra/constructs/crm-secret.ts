import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';
import { suppressRule } from './nag-suppressions.ts';
import { TokenRotation } from './token-rotation.ts';

/** The secret with the CRM's credentials: an existing one, or a new one that an operator fills. */
export class CrmSecret extends Construct {
  readonly secretArn: string;
  /** Undefined if another program renews the tokens. */
  readonly rotation: TokenRotation | undefined;

  constructor(scope: Construct, id: string, context: ConstructContext) {
    super(scope, id);
    const { config, encryption, removalPolicy } = context;
    const { crm } = config;
    const secret = crm.existingSecretArn
      ? Secret.fromSecretCompleteArn(this, 'Secret', crm.existingSecretArn)
      : new Secret(this, 'Secret', {
          ...(crm.secretName !== undefined && { secretName: crm.secretName }),
          ...encryption.ofLogsOrSecret,
          description: `Credentials for Infusionsoft of the stack ${config.stackName}: npm run authorize stores them`,
          // Marks the secret as not filled in yet. CDK requires the generated key beside it.
          generateSecretString: {
            secretStringTemplate: '{"kind":"unset"}',
            generateStringKey: 'placeholder',
          },
          removalPolicy,
        });
    this.secretArn = secret.secretArn;
    if (crm.tokenRotationHours === 'off')
      suppressRule(secret, 'rotation', 'Another program renews the tokens (crm.tokenRotationHours: off)');
    else this.rotation = new TokenRotation(this, 'Rotation', { ...context, secretArn: secret.secretArn });
  }
}
