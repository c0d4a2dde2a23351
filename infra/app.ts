/** The CDK app: `cdk` runs this file, which reads its settings from cdk.json. */
import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { parseAccounts, type Settings } from './accounts.ts';
import { ConfigError } from './config.ts';
import { UserSyncStack } from './user-sync-stack.ts';

/**
 * Writes the app's assembly (templates and bundled functions), and checks it with the AWS Solutions rules of cdk-nag. Needs no AWS account.
 *
 * @param settings as `context.userSync` in cdk.json, which is the default.
 * @returns the directory of the assembly.
 * @throws ConfigError when a setting is invalid; an error of the CDK when a rule is broken and not suppressed, see
 *   `constructs/nag-suppressions.ts`.
 */
export function synthesize(settings?: Settings, props?: AppProps): string {
  const app = new App({ analyticsReporting: false, ...props });
  const configs = parseAccounts(settings ?? app.node.tryGetContext('userSync'));
  for (const config of configs) {
    // The CDK CLI selects stacks by construct id, and `npm run deploy` passes the stack's name.
    new UserSyncStack(app, config.stackName, {
      config,
      description: 'Syncs the users of an app to their contacts in Infusionsoft (Keap)',
    });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  return app.synth().directory;
}

if (import.meta.main) {
  try {
    synthesize();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
