import { RemovalPolicy } from 'aws-cdk-lib';
import type { Config } from '../config.ts';

/**
 * What happens to a resource that holds data when the stack is destroyed. A resource that is kept is deleted all the same when the deploy
 * that creates it fails: it is empty, and would be in the way of the next deploy (AWS CloudFormation, "DeletionPolicy attribute").
 */
export function removalPolicyOf({ removalPolicy }: Config): RemovalPolicy {
  return removalPolicy === 'retain' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
}
