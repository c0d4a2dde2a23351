import { RemovalPolicy } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Config } from './config.ts';

/** Where the CRM's credentials are: a secret that is there already, or a new one that somebody has to fill in. */
export class CrmSecret extends Construct {
  readonly secretArn: string;

  constructor(scope: Construct, id: string, { crm, removalPolicy }: Config) {
    super(scope, id);
    const secret = crm.existingSecretArn
      ? Secret.fromSecretCompleteArn(this, 'Secret', crm.existingSecretArn)
      : new Secret(this, 'Secret', {
          secretName: crm.secretName,
          description:
            'Credentials for Infusionsoft: {"kind":"service-account-key","key":"…"} or {"kind":"bearer","accessToken":"…"}',
          // Says that nobody has filled it in yet; the key beside it only exists because CDK asks for one.
          generateSecretString: {
            secretStringTemplate: '{"kind":"unset"}',
            generateStringKey: 'placeholder',
          },
          removalPolicy: removalPolicy === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
        });
    this.secretArn = secret.secretArn;
  }
}
