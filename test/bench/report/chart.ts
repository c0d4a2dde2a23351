/** A line, or bars, through points. */
interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** A picture of figures: lines over a scale, or groups of bars. */
export type Chart = {
  /** Name of the file, without its ending. */
  name: string;
  title: string;
  xLabel: string;
  yLabel: string;
} & (
  | {
      kind: 'lines';
      series: readonly Series[];
      logarithmicX?: boolean;
      /** Where the scale of values begins, if not at 0. */
      leastY?: number;
    }
  | {
      kind: 'bars';
      groups: readonly string[];
      /** A value for each group. */
      series: readonly { name: string; values: readonly number[] }[];
    }
);

const WIDTH = 760;
const HEIGHT = 360;
const PLOT = { left: 70, right: 20, top: 70, bottom: 60 };
const INNER = { width: WIDTH - PLOT.left - PLOT.right, height: HEIGHT - PLOT.top - PLOT.bottom };
/** Okabe and Ito's colours, which people who see few colours can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const STEPS = [1, 2, 2.5, 5, 10];
const TICKS = 5;

/** Draws a chart as an SVG document. */
export function drawChart(chart: Chart): string {
  const names = chart.series.map(({ name }) => name);
  const body = chart.kind === 'bars' ? bars(chart) : lines(chart);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(chart.title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(PLOT.left, 24, chart.title, 'font-size="15" font-weight="bold"'),
    ...legend(names),
    ...body,
    text(PLOT.left + INNER.width / 2, HEIGHT - 12, chart.xLabel, 'text-anchor="middle"'),
    text(
      0,
      0,
      chart.yLabel,
      `text-anchor="middle" transform="translate(16 ${PLOT.top + INNER.height / 2}) rotate(-90)"`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

function lines(chart: Extract<Chart, { kind: 'lines' }>): string[] {
  const points = chart.series.flatMap((series) => series.points);
  const scaled = (x: number) => (chart.logarithmicX ? Math.log10(x) : x);
  const xs = points.map(([x]) => x);
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const span = scaled(most) - scaled(least) || 1;
  const x = (value: number) => PLOT.left + ((scaled(value) - scaled(least)) / span) * INNER.width;
  const y = yScale(
    points.map(([, value]) => value),
    chart.leastY,
  );
  return [
    ...y.axis,
    ...[...new Set(xs)].map((value) =>
      text(x(value), PLOT.top + INNER.height + 18, shown(value), 'text-anchor="middle"'),
    ),
    ...chart.series.flatMap(({ points: own }, index) => {
      const path = own.map(([px, py]) => `${round(x(px))},${round(y.at(py))}`).join(' ');
      return [
        `<polyline points="${path}" fill="none" stroke="${colour(index)}" stroke-width="2"/>`,
        ...own.map(
          ([px, py]) =>
            `<circle cx="${round(x(px))}" cy="${round(y.at(py))}" r="3.5" fill="${colour(index)}"/>`,
        ),
      ];
    }),
  ];
}

function bars(chart: Extract<Chart, { kind: 'bars' }>): string[] {
  const y = yScale(chart.series.flatMap(({ values }) => values));
  const groupWidth = INNER.width / chart.groups.length;
  const barWidth = (groupWidth * 0.8) / chart.series.length;
  return [
    ...y.axis,
    ...chart.groups.flatMap((group, groupIndex) => {
      const left = PLOT.left + groupIndex * groupWidth + groupWidth * 0.1;
      return [
        text(left + groupWidth * 0.4, PLOT.top + INNER.height + 18, group, 'text-anchor="middle"'),
        ...chart.series.flatMap(({ values }, index) => {
          const value = values[groupIndex] ?? 0;
          const [barLeft, top] = [left + index * barWidth, y.at(value)];
          return [
            `<rect x="${round(barLeft)}" y="${round(top)}" width="${round(barWidth * 0.92)}" height="${round(y.at(0) - top)}" fill="${colour(index)}"/>`,
            text(barLeft + barWidth * 0.46, top - 4, shown(value), 'text-anchor="middle" font-size="10"'),
          ];
        }),
      ];
    }),
  ];
}

/** A scale to a round number above the largest value, and its axis. */
function yScale(values: readonly number[], least = 0): { at(value: number): number; axis: string[] } {
  const most = Math.max(...values) - least || 1;
  const step = roundStep(most / TICKS);
  const span = Math.ceil(most / step - 1e-9) * step;
  const at = (value: number) => PLOT.top + INNER.height * (1 - (value - least) / span);
  const ticks = Array.from({ length: Math.round(span / step) + 1 }, (_, index) => least + index * step);
  return {
    at,
    axis: ticks.flatMap((tick) => [
      `<line x1="${PLOT.left}" x2="${PLOT.left + INNER.width}" y1="${round(at(tick))}" y2="${round(at(tick))}" stroke="${tick === least ? '#333333' : '#dddddd'}"/>`,
      text(PLOT.left - 8, at(tick) + 4, shown(tick), 'text-anchor="end"'),
    ]),
  };
}

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not less. */
function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return (STEPS.find((step) => step * power >= atLeast * (1 - 1e-9)) ?? 10) * power;
}

function legend(names: readonly string[]): string[] {
  let left = PLOT.left;
  return names.flatMap((name, index) => {
    const at = left;
    left += 30 + name.length * 7;
    return [
      `<rect x="${at}" y="38" width="12" height="12" fill="${colour(index)}"/>`,
      text(at + 17, 48, name),
    ];
  });
}

const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? '#000000';
const round = (value: number): number => Math.round(value * 10) / 10;
const shown = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en-US');

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" fill="#222222" ${attributes}>${escaped(content)}</text>`;
}

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
