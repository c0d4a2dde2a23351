/**
 * `npm run bench`: measures the system's speed, and how close it runs to the CRM's rate limit.
 *
 * package.json sets `--v8-pool-size=1`. By default V8 starts four threads, shared by all environments of the local cloud. On two cores
 * they delay the requests whose times are measured.
 */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { textTable } from '../../infra/cli/support/text-table.ts';
import { code } from './parts/code.ts';
import { growth } from './parts/growth.ts';
import { live } from './parts/live.ts';
import { memory } from './parts/memory.ts';
import { pace } from './parts/pace.ts';
import { reading } from './parts/reading.ts';
import { realTimePace } from './parts/real-time-pace.ts';
import { requests } from './parts/requests.ts';
import { drawChart } from './report/chart.ts';
import { type BenchReport, type Machine, pageOf } from './report/page.ts';
import { goalTable, type Part, type Section, type Table } from './report/section.ts';

const PARTS: readonly Part[] = [requests, pace, realTimePace, live, reading, memory, growth, code];
const GIB = 1024 ** 3;

const options = new Command('npm run bench --')
  .description(
    `Measures the system on this machine. Parts:\n${PARTS.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}`,
  )
  .addOption(new Option('--only <names...>', 'parts to run').choices(PARTS.map(({ name }) => name)))
  .option('--json', 'print the figures as JSON on the last line')
  .option('--out <file>', 'write the page to this file, and its charts next to it')
  .parse()
  .opts<{ only?: string[]; json?: true; out?: string }>();

const startedAt = Date.now();
const log = (line: string) =>
  process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);

const sections: Record<string, Section> = {};
for (const part of PARTS.filter(({ name }) => options.only?.includes(name) ?? true)) {
  const section = await part.run(log);
  sections[part.name] = section;
  process.stdout.write(`\n${section.title}\n`);
  for (const table of section.tables) print(table);
}
const report: BenchReport = { machine: machine(), minutes: (Date.now() - startedAt) / 60_000, sections };

const goals = Object.values(sections).flatMap((section) => section.goals);
process.stdout.write('\nGoals\n');
print(goalTable(goals));
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

function print({ columns, rows }: Table): void {
  const numbers = columns.map((_, index) => index).slice(1);
  process.stdout.write(`\n${textTable(columns, rows, numbers)}`);
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
