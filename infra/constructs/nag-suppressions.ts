import { Stack, Validations } from 'aws-cdk-lib';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { IConstruct } from 'constructs';

/** Rules of the AWS Solutions pack that some construct cannot keep, by what they ask for. */
const RULES = {
  'a dead-letter queue': 'AwsSolutions-SQS3',
  rotation: 'AwsSolutions-SMG4',
} as const;

/** Lets a construct be without what a rule asks for, for a reason. Everything else that is checked stays so. */
export function suppressRule(construct: IConstruct, asked: keyof typeof RULES, reason: string): void {
  Validations.of(construct).acknowledge({ id: RULES[asked], reason });
}

/**
 * Lets a policy, or the policies of a role, name this one resource, which has a wildcard in it, for a reason. The statements that may do so
 * are listed in test/infra/wildcards.test.ts.
 */
export function suppressWildcardRule(policy: IConstruct, resource: string, reason: string): void {
  // As cdk-nag writes what CloudFormation knows only later.
  const written = flattenCfnReference(Stack.of(policy).resolve(resource));
  Validations.of(policy).acknowledge({ id: `AwsSolutions-IAM5[Resource::${written}]`, reason });
}
