import { createCommand } from '../create-command.ts';
import { readAppConfigs } from '../support/app-configs.ts';
import { reservedConcurrency } from '../support/check-concurrency.ts';
import { checksText, runChecks } from './checks.ts';

export default createCommand({
  metadata: {
    description:
      'Checks everything that the sync needs, one line each: ✓ fine, ✗ must be fixed (with what to do), – skipped. Works before the first deploy. Exits with 1 when something must be fixed.',
    examples: [
      ['doctor', 'the stack user-sync, deployed or not'],
      ['doctor --local', 'the system on this machine'],
    ],
  },
  target: 'system',
  options: {},
  async handler({ options, print }) {
    const config = readAppConfigs().find(({ stackName }) => stackName === options.stack);
    const checks = await runChecks({
      stack: options.stack,
      local: options.local,
      neededConcurrency: config && reservedConcurrency(config),
    });
    const isReady = checks.every(({ result }) => result !== 'missing');
    if (!isReady) process.exitCode = 1;
    print({ ok: isReady, checks }, () => checksText(checks));
  },
});
