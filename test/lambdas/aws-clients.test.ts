import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('every AWS client of a function has time-outs, since one lost answer would block an invocation', () => {
  const clients = globSync('{lambdas,shared}/**/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/new \w+Client\([^)]*\)/g)].map(([text]) => text),
  );
  expect(clients.length).toBeGreaterThan(5);
  expect(clients.filter((text) => !text.includes('requestHandler'))).toEqual([]);
});
