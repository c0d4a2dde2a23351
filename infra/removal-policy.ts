import { RemovalPolicy } from 'aws-cdk-lib';
import type { Config } from './config.ts';

/** What becomes of a resource that holds data when the stack is destroyed. */
export function removalPolicyOf({ removalPolicy }: Config): RemovalPolicy {
  return removalPolicy === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
