import { expect, it } from 'vitest';
import { markdownTable, pageOf } from '../report/page.ts';
import { atLeast, atMost, type Section } from '../report/section.ts';

const SECTION: Section = {
  title: 'Speed',
  method: 'By hand.',
  tables: [{ columns: ['what', 'n'], rows: [['one', '1']] }],
  charts: [
    { kind: 'bars', name: 'speed', title: 'Speed', xLabel: '', yLabel: '', groups: ['a'], series: [] },
  ],
  conclusions: ['Quick.'],
  goals: [atLeast('speed', 1, 1, String), atMost('weight', 2, 1, String)],
  figures: {},
};

it('aligns numbers to the right and escapes bars in cells', () => {
  expect(markdownTable({ columns: ['a', 'b'], rows: [['x|y', '1']] })).toBe(
    ['| a | b |', '|---|---:|', '| x\\|y | 1 |'].join('\n'),
  );
});

it('shows the goals, the method, the tables, the charts and the conclusions', () => {
  const machine = { processor: 'Abacus', cores: 2, memoryGb: 8, node: '24.0.0' };
  const page = pageOf({ machine, minutes: 12.2, sections: { speed: SECTION } });
  expect(page).toContain('13 minutes on 2 cores of an Abacus with 8 GB and Node 24.0.0');
  expect(page).toContain('| speed | ≥ 1 | 1 | ✓ |\n| weight | ≤ 1 | 2 | ✗ |');
  expect(page).toMatch(/## Speed\n\nBy hand\.\n\n\| what \| n \|[\s\S]*!\[Speed\]\(speed\.svg\)\n\nQuick\./);
});
