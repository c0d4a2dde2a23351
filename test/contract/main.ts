/** `npm run check:contract -- FILE`: compares the requests of the system and the answers of the simulator with the vendor's document. */
import { Command } from 'commander';
import { simulatorClient } from '../demo/simulator-client.ts';
import { spawnSimulator } from '../demo/spawn-simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { startCrm } from '../support/crm-under-test.ts';
import { callEveryMethod } from './client-calls.ts';
import { checkContract } from './contract-check.ts';
import { DocumentError, readDocument } from './document.ts';
import { KNOWN_DIFFERENCES, UNDOCUMENTED_REQUESTS } from './known-differences.ts';
import { runMainJobs } from './main-jobs.ts';
import { type Exchange, recordingProxy } from './recording-proxy.ts';
import { reportText } from './report-text.ts';

const [file = ''] = new Command('npm run check:contract --')
  .description(
    "Runs the main jobs against the simulator, and checks every request and answer against the vendor's OpenAPI document. Exits with 1 when one differs.",
  )
  .argument('<file>', 'the OpenAPI 3.0 document of version 1 of the API, in YAML or JSON')
  .parse().args;

try {
  const document = readDocument(file);
  const exchanges: Exchange[] = [];
  // A wrong request can make the run fail. The report shows which one.
  const failure = await runAll(exchanges).catch((error: unknown) => error);
  const rules = { differences: KNOWN_DIFFERENCES, undocumented: UNDOCUMENTED_REQUESTS };
  const report = await checkContract(document, exchanges, rules);
  process.stdout.write(reportText(report));
  if (failure !== undefined) throw failure;
  if (report.findings.length > 0) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof DocumentError)) throw error;
  process.stderr.write(`✗ ${error.message}\n`);
  process.exitCode = 1;
}

async function runAll(exchanges: Exchange[]): Promise<void> {
  // Every method of the client, with both forms of tag results, and with nulls and without.
  for (const tagResults of ['object', 'entries'] as const) {
    for (const nulls of [true, false]) {
      const crm = await startCrm({ isServer: true, answers: { tagResults } });
      await crm.admin.set('directory', { staff: ['heidi@example.com'] });
      await crm.admin.set('answers', { nulls });
      await record(crm, exchanges, callEveryMethod);
    }
  }
  const simulator = await spawnSimulator(['--latency-median', '5', '--latency-p95', '10']);
  await record(simulator, exchanges, (url) => runMainJobs(url, simulatorClient(simulator.url)));
}

/** Runs work with a proxy in front of a simulator, and stops both. */
async function record(
  simulator: RunningSimulator,
  exchanges: Exchange[],
  work: (url: string) => Promise<void>,
): Promise<void> {
  try {
    const proxy = await recordingProxy(simulator.url);
    try {
      await work(proxy.url);
    } finally {
      exchanges.push(...proxy.exchanges);
      await proxy.stop();
    }
  } finally {
    await simulator.stop();
  }
}
