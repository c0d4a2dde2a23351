import type { Config } from '../config.ts';
import type { Encryption } from './encryption.ts';

/** What every part of the stack is told. */
export interface ConstructContext {
  config: Config;
  encryption: Encryption;
}
