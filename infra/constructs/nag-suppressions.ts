import { Stack, Validations } from 'aws-cdk-lib';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { IConstruct } from 'constructs';

/** Suppressed rules of the AWS Solutions pack, by what they require. */
const RULES = {
  'a dead-letter queue': 'AwsSolutions-SQS3',
  rotation: 'AwsSolutions-SMG4',
} as const;

/** Suppresses a cdk-nag rule on a construct. All other rules still apply. */
export function suppressRule(construct: IConstruct, required: keyof typeof RULES, reason: string): void {
  Validations.of(construct).acknowledge({ id: RULES[required], reason });
}

/**
 * Suppresses the cdk-nag rule against wildcards for one resource of a policy, or of the policies of a role. test/infra/wildcards.test.ts
 * lists every statement with a wildcard.
 */
export function suppressWildcardRule(policy: IConstruct, resource: string, reason: string): void {
  // cdk-nag writes references in this form.
  const written = flattenCfnReference(Stack.of(policy).resolve(resource));
  Validations.of(policy).acknowledge({ id: `AwsSolutions-IAM5[Resource::${written}]`, reason });
}
