/**
 * `npm run bench`: every figure of the system's speed in one run, beside what would have been written otherwise.
 *
 * `--v8-pool-size=1`, in package.json: V8 has four threads of its own otherwise, for all environments of the local cloud together, and
 * on two processors they hold up the requests whose moments are measured.
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { textTable } from '../../infra/cli/support/text-table.ts';
import { drawChart } from './chart.ts';
import { type BenchReport, type Machine, pageOf } from './page.ts';
import { PARTS } from './parts.ts';
import type { Section } from './section.ts';

const GIB = 1024 ** 3;

const options = new Command('npm run bench --')
  .description(
    `Measures the system on this machine:\n${PARTS.map(({ name, about }) => `  ${name}: ${about}`).join('\n')}`,
  )
  .addOption(new Option('--only <names...>', 'parts to run').choices(PARTS.map(({ name }) => name)))
  .option('--json', 'print the figures as JSON on the last line')
  .option('--out <file>', 'write the page to this file, and its charts beside it')
  .parse()
  .opts<{ only?: string[]; json?: true; out?: string }>();

const startedAt = Date.now();
const say = (what: string) =>
  process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${what}\n`);

const sections: Record<string, Section> = {};
for (const part of PARTS.filter(({ name }) => options.only?.includes(name) ?? true)) {
  sections[part.name] = await part.run(say);
}
const report: BenchReport = { machine: machine(), minutes: (Date.now() - startedAt) / 60_000, sections };

const goals = Object.values(sections).flatMap((section) => section.goals);
process.stdout.write(
  textTable(
    ['', 'wanted', 'measured', ''],
    goals.map(({ what, wanted, measured, met }) => [what, wanted, measured, met ? '✓' : '✗']),
  ),
);
if (options.out) {
  for (const chart of Object.values(sections).flatMap(({ charts }) => charts))
    writeFileSync(join(dirname(options.out), `${basename(chart.name)}.svg`), drawChart(chart));
  writeFileSync(options.out, pageOf(report));
}
if (options.json) {
  const figures = Object.fromEntries(
    Object.entries(sections).map(([name, section]) => [name, section.figures]),
  );
  process.stdout.write(`${JSON.stringify({ machine: report.machine, goals, figures })}\n`);
}

function machine(): Machine {
  const [cpu] = cpus();
  return {
    processor: (cpu?.model ?? 'unknown processor').replace(/\(R\)|\(TM\)| CPU/g, ''),
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / GIB),
    node: process.versions.node,
  };
}
