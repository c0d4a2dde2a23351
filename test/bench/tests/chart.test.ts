import { expect, it } from 'vitest';
import { type Chart, drawChart } from '../report/chart.ts';

const LINES: Chart = {
  kind: 'lines',
  name: 'x',
  title: 'Less & <more>',
  xLabel: 'users',
  yLabel: 'seconds',
  series: [
    {
      name: 'one',
      points: [
        [1000, 0],
        [50_000, 10],
        [100_000, 20],
      ],
    },
    { name: 'two', points: [[1000, 5]] },
  ],
};
const BARS: Chart = {
  kind: 'bars',
  name: 'x',
  title: 'Bars & <more>',
  xLabel: '',
  yLabel: 'requests',
  groups: ['a', 'b'],
  series: [
    { name: 'one', values: [1, 2.345] },
    { name: 'two', values: [4, 0] },
  ],
};

it.each([
  ['lines', LINES],
  ['lines over a logarithmic axis from 80 on', { ...LINES, logarithmicX: true, minY: 80 }],
  ['bars', BARS],
  ['bars of zeros', { ...BARS, series: [{ name: 'one', values: [0, 0] }] }],
] as const)('draws %s as an SVG with every title, label and series', (_, chart) => {
  const svg = drawChart(chart);
  expect(svg).toMatch(/^<svg [^>]*width="760" height="360"/);
  for (const text of [chart.yLabel, ...chart.series.map(({ name }) => name)])
    expect(svg).toContain(`>${text}<`);
  expect(svg).toContain('&amp; &lt;more&gt;');
  expect(svg).not.toMatch(/NaN|Infinity|<more/);
});

it('labels bars with rounded values', () => {
  const svg = drawChart(BARS);
  for (const value of ['1', '2.35', '4']) expect(svg).toContain(`>${value}<`);
});

it('draws the same chart as the same text', () => {
  expect(drawChart(LINES)).toBe(drawChart(LINES));
});
