import type { RemovalPolicy } from 'aws-cdk-lib';
import type { IScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Config } from '../config.ts';
import type { Encryption } from './encryption.ts';

/** Passed to every construct of the stack. */
export interface ConstructContext {
  config: Config;
  encryption: Encryption;
  /** Group of all schedules of the stack, so that their failures are counted together. */
  scheduleGroup: IScheduleGroup;
  /** Of resources that hold data. */
  removalPolicy: RemovalPolicy;
}
