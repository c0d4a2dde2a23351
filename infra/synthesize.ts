import { App, type AppProps } from 'aws-cdk-lib';
import { type ConfigInput, parseConfig } from './config.ts';
import { UserSyncStack } from './user-sync-stack.ts';

/**
 * Builds the app and writes its assembly (template and bundled functions). Needs no AWS account.
 *
 * @param settings what cdk.json has under `context.userSync`; left out: what the app's context has.
 * @returns directory of the assembly.
 * @throws ConfigError when a setting is wrong.
 */
export function synthesize(settings?: ConfigInput, props?: AppProps): string {
  const app = new App({ analyticsReporting: false, ...props });
  const config = parseConfig(settings ?? app.node.tryGetContext('userSync'));
  new UserSyncStack(app, 'UserSync', {
    config,
    description: "Keeps an app's users and their contacts in Infusionsoft the same",
  });
  return app.synth().directory;
}
