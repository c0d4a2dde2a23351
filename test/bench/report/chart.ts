import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

/** A chart of figures: lines over a scale, or groups of bars. */
export type Chart = {
  /** Name of the file, without its extension. */
  name: string;
  title: string;
  xLabel: string;
  yLabel: string;
} & (
  | {
      kind: 'lines';
      series: readonly { name: string; points: readonly (readonly [x: number, y: number])[] }[];
      logarithmicX?: boolean;
      /** Start of the y axis. Default: 0. */
      minY?: number;
    }
  | {
      kind: 'bars';
      groups: readonly string[];
      /** One value for each group. */
      series: readonly { name: string; values: readonly number[] }[];
    }
);

const SIZE = { width: 760, height: 360 };
/** Colors of Okabe and Ito, distinguishable with color blindness. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const AXIS_NAME = { nameLocation: 'middle', nameGap: 40 } as const;

use([AriaComponent, BarChart, GridComponent, LegendComponent, LineChart, SVGRenderer, TitleComponent]);

/** Draws a chart as an SVG document, by ECharts' server-side rendering: the same chart gives the same text. */
export function drawChart(chart: Chart): string {
  const canvas = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  try {
    canvas.setOption({
      animation: false,
      aria: { enabled: true },
      backgroundColor: '#ffffff',
      color: COLORS,
      title: { text: chart.title, left: 16, top: 10, textStyle: { fontSize: 15 } },
      legend: {
        left: 16,
        top: 38,
        itemGap: 28,
        selectedMode: false,
        data: chart.series.map(({ name }) => name),
      },
      grid: { left: 70, right: 24, top: 76, bottom: 56 },
      yAxis: {
        type: 'value',
        name: chart.yLabel,
        ...AXIS_NAME,
        min: chart.kind === 'lines' ? (chart.minY ?? 0) : 0,
      },
      ...(chart.kind === 'lines' ? lines(chart) : bars(chart)),
    });
    // ECharts counts its instances and style classes. Without these counts, a chart does not depend on the charts drawn before it.
    const svg = canvas
      .renderToSVGString()
      .replaceAll(/zr\d+-cls-\d+/g, 'zr-cls')
      .replaceAll(/zr\d+-/g, 'zr-');
    return `${svg}\n`;
  } finally {
    canvas.dispose();
  }
}

const lines = ({ series, xLabel, logarithmicX }: Extract<Chart, { kind: 'lines' }>) => ({
  xAxis: {
    type: logarithmicX ? 'log' : 'value',
    name: xLabel,
    ...AXIS_NAME,
    nameGap: 30,
    min: 'dataMin',
    max: 'dataMax',
    splitLine: { show: false },
  },
  series: series.map(({ name, points }) => ({
    type: 'line' as const,
    silent: true,
    name,
    data: points.map((point) => [...point]),
    symbol: 'circle',
    symbolSize: 7,
  })),
});

const bars = ({ groups, series, xLabel }: Extract<Chart, { kind: 'bars' }>) => ({
  xAxis: { type: 'category', name: xLabel, ...AXIS_NAME, nameGap: 30, data: [...groups] },
  series: series.map(({ name, values }) => ({
    type: 'bar' as const,
    silent: true,
    name,
    data: [...values],
    label: { show: true, position: 'top', formatter: ({ value }: { value: unknown }) => rounded(value) },
  })),
});

const rounded = (value: unknown): string => Number(Number(value).toPrecision(3)).toLocaleString('en-US');
