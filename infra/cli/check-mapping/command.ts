import fc from 'fast-check';
import { createCommand } from '../create-command.ts';
import { readAppConfigs } from '../support/app-configs.ts';
import { loadMapping } from '../support/load-mapping.ts';
import { checkNames, checkUser } from './mapping-problems.ts';
import { arbitraryUser } from './user-arbitrary.ts';

/** Generated users: the same in every run. */
const USERS = 1000;
const SEED = 1;
const NOW = Date.parse('2026-01-01T00:00:00Z');

export default createCommand({
  metadata: {
    description:
      'Checks mappings without AWS or the CRM: names, choices, tag groups, and rules about time, with a thousand generated users. Part of npm run check.',
    examples: [
      ['check-mapping', 'the mappings that cdk.json names'],
      ['check-mapping shared/user/mapping.ts', 'one file'],
    ],
  },
  target: 'none',
  arguments: [
    { name: '[files...]', description: 'mappings to check (default: the ones that cdk.json names)' },
  ],
  options: {},
  async handler({ args, print }) {
    const files = args.length > 0 ? args : [...new Set(readAppConfigs().map(({ mapping }) => mapping))];
    const users = fc.sample(arbitraryUser(NOW), { numRuns: USERS, seed: SEED });
    const problems: string[] = [];
    for (const file of files) {
      const mapping = await loadMapping(file);
      const found = new Set([
        ...checkNames(mapping),
        ...users.flatMap((user) => checkUser(mapping, user, NOW)),
      ]);
      problems.push(...[...found].map((problem) => `${file}: ${problem}`));
    }
    print({ files, problems }, () =>
      problems.length > 0
        ? problems.map((problem) => `✗ ${problem}\n`).join('')
        : files.map((file) => `✓ ${file}: no problems\n`).join(''),
    );
    if (problems.length > 0) process.exitCode = 1;
  },
});
