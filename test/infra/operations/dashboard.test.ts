import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { resources, templateWith } from '../template-with.ts';

const root = new URL('../../../', import.meta.url);
const handlers = readdirSync(new URL('lambdas/', root)).map((folder) =>
  readFileSync(new URL(`lambdas/${folder}/handler.ts`, root), 'utf8'),
);

it('the dashboard shows only metrics that a function writes, and shows all that it has', () => {
  const written = new Set(
    handlers.flatMap((source) =>
      [...source.matchAll(/'([A-Z]\w+)'|`(Users)\./g)].map(([, name, users]) => name ?? users),
    ),
  );
  const [dashboard] = Object.values(resources(templateWith(), 'AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard);
  const shown = [...body.matchAll(/user-sync\\*",\\*"([\w.]+)/g)].map(([, name = '']) => name);
  expect(new Set(shown).size).toBeGreaterThanOrEqual(12);
  for (const name of shown) expect(written).toContain(name.split('.')[0]);
  for (const title of [
    'How late',
    'Backlog',
    'Requests to the CRM',
    'Quota used',
    'Users',
    'Dead letters',
    'Behind the stream',
  ])
    expect(body).toContain(title);
});
