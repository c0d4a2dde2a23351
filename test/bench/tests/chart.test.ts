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
        [0, 0],
        [50, 10],
        [100, 20],
      ],
    },
    {
      name: 'two',
      points: [
        [0, 5],
        [100, 5],
      ],
    },
  ],
};
const BARS: Chart = {
  kind: 'bars',
  name: 'x',
  title: 'Bars',
  xLabel: '',
  yLabel: 'requests',
  groups: ['a', 'b'],
  series: [
    { name: 'one', values: [1, 2] },
    { name: 'two', values: [4, 0] },
  ],
};
const numbers = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, value]) => Number(value));

it('lines go through their points, to scale', () => {
  const svg = drawChart(LINES);
  const [first = '', second = ''] = [...svg.matchAll(/points="([^"]+)"/g)].map(([, points]) => points);
  const [a, b, c] = first.split(' ').map((point) => point.split(',').map(Number) as [number, number]);
  expect(b?.[0]).toBeCloseTo(((a?.[0] ?? 0) + (c?.[0] ?? 0)) / 2, 0);
  expect(b?.[1]).toBeCloseTo(((a?.[1] ?? 0) + (c?.[1] ?? 0)) / 2, 0);
  expect(a?.[1]).toBeGreaterThan(c?.[1] ?? 0);
  const [from, to] = second.split(' ').map((point) => Number(point.split(',')[1]));
  expect(from).toBe(to);
});

it('a scale may begin above 0', () => {
  const points = [
    [0, 80],
    [1, 100],
  ] as const;
  const [low = 0, high = 0] = numbers(
    drawChart({ ...LINES, leastY: 80, series: [{ name: 'one', points }] }),
    /<circle cx="[\d.]+" cy="([\d.]+)"/g,
  );
  expect([low, high]).toEqual([300, 70]);
});

it('on a logarithmic scale each factor takes the same way', () => {
  const points = [
    [1000, 1],
    [10_000, 1],
    [100_000, 1],
  ] as const;
  const svg = drawChart({ ...LINES, logarithmicX: true, series: [{ name: 'one', points }] });
  const [a = 0, b = 0, c = 0] = numbers(svg, /<circle cx="([\d.]+)"/g);
  expect(b - a).toBeCloseTo(c - b, 0);
});

it('bars are as high as their values', () => {
  const heights = numbers(
    drawChart(BARS),
    /<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)" fill="#/g,
  );
  const [one = 0, four = 0, two = 0, none = 0] = heights.slice(-4);
  expect(four / one).toBeCloseTo(4, 1);
  expect(two / one).toBeCloseTo(2, 1);
  expect(none).toBe(0);
});

it.each([LINES, BARS])('stays within the picture, names all series and escapes text', (chart) => {
  const svg = drawChart(chart);
  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 760 360"/);
  for (const { name } of chart.series) expect(svg).toContain(`>${name}</text>`);
  expect(svg).not.toMatch(/NaN|Infinity|& |<more/);
  for (const y of numbers(svg, / y="([\d.-]+)"/g)) {
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(360);
  }
});

it('of nothing but zeros is drawn too', () => {
  expect(drawChart({ ...BARS, series: [{ name: 'one', values: [0, 0] }] })).not.toMatch(/NaN|Infinity/);
});
