/** The CDK app: `cdk` runs it, and it reads its settings from cdk.json. */
import { ConfigError } from './config.ts';
import { synthesize } from './synthesize.ts';

try {
  synthesize();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
