import { expect, it } from 'vitest';
import { ANSWER_FORMS } from '../simulator/answer-forms.ts';
import { STRICTNESSES } from '../simulator/strictness.ts';

it('docs/simulator.md shows every strictness and every form of answers (npm run docs writes it)', async () => {
  const rows = Object.entries(STRICTNESSES).map(
    ([name, { what, off, source, isOn }]) =>
      `| \`${name}\` | ${isOn ? 'on' : 'off'} | ${what} | ${off} | ${source} |`,
  );
  const forms = Object.entries(ANSWER_FORMS).map(([name, { what, values, source }]) => {
    const [first, ...others] = values.map((value) => `\`${value}\``);
    return `| \`${name}\` | ${first} | ${others.join(', ')} | ${what} | ${source} |`;
  });
  const page = [
    '# The simulator of the CRM',
    '',
    'Written by `npm run docs` from [test/simulator/strictness.ts](../test/simulator/strictness.ts). The simulator is as strict as the worst',
    'reading of what is known about the CRM. Each strictness has a switch: `npm run simulator -- --lenient timeZones provinces` starts without',
    'two of them, `POST /_simulator/strictness` with `{"timeZones": false}` changes a running simulator, and `startSimulator({ strict: { timeZones: false } })`',
    'is for tests.',
    '',
    '| Switch | Default | On | Off | Source |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Forms of answers',
    '',
    'Where answers differ or are not known, the simulator supports each form, and the tests run with all of them. The table is',
    '[test/simulator/answer-forms.ts](../test/simulator/answer-forms.ts); `POST /_simulator/answers` with `{"nulls": false}` changes a running simulator.',
    '',
    '| Switch | Default | Or | What | Source |',
    '| --- | --- | --- | --- | --- |',
    ...forms,
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/simulator.md');
});
