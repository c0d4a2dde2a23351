import { expect, it } from 'vitest';
import { runDemo } from '../demo/demo.ts';

it('npm start ends with every user in sync', async () => {
  const options = { users: 15, crmUrl: undefined, token: undefined, rate: 25, seed: 3 };
  const silent = { step() {}, watch() {}, note() {}, done() {} };
  const { report, stop } = await runDemo(options, silent);
  await stop();
  expect(report).toMatchObject({
    problems: [],
    users: 14,
    inSync: 14,
    foreignWrites: 0,
    deadLetters: 0,
  });
});
