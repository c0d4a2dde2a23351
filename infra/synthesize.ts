import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { parseAccounts, type Settings } from './accounts.ts';
import { UserSyncStack } from './user-sync-stack.ts';

/**
 * Builds the app, writes its assembly (templates and bundled functions), and holds it against the rules of AWS Solutions (cdk-nag).
 * Needs no AWS account.
 *
 * @param settings what cdk.json has under `context.userSync`; left out: what the app's context has.
 * @returns directory of the assembly.
 * @throws ConfigError when a setting is wrong; an error of the CDK when a rule is broken and not accepted, see `accept.ts`.
 */
export function synthesize(settings?: Settings, props?: AppProps): string {
  const app = new App({ analyticsReporting: false, ...props });
  const configs = parseAccounts(settings ?? app.node.tryGetContext('userSync'));
  for (const config of configs) {
    // The CDK CLI selects stacks by construct id, and `npm run deploy` gives it the stack's name.
    new UserSyncStack(app, config.stackName, {
      config,
      description: "Keeps an app's users and their contacts in Infusionsoft the same",
    });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  return app.synth().directory;
}
