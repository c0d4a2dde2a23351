import type { RemovalPolicy } from 'aws-cdk-lib';
import type { Config } from '../config.ts';
import type { Encryption } from './encryption.ts';

/** Passed to every construct of the stack. */
export interface ConstructContext {
  config: Config;
  encryption: Encryption;
  /** Of resources that hold data. */
  removalPolicy: RemovalPolicy;
}
