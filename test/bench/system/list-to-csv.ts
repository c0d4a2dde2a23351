import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { publishConnection } from '../../../infra/cli/support/connection-file.ts';
import { startSimulatedSystem } from '../../demo/simulated-system.ts';

/** One run of the command. */
export interface CsvRun {
  contacts: number;
  lines: number;
  requests: number;
  /** Largest resident set of its process. */
  bytes: number;
}

const PART = 1000;
const HIGHEST_RATE = 12;
/** Without a limit, V8 lets garbage grow. With one that is too small for the pages in memory, the command fails. */
const HEAP_MIB = 64;
/** Prints the largest resident set, in kilobytes, after everything else. */
const PRINT_MEMORY =
  'process.on("exit",()=>process.stderr.write("maxRSS "+process.resourceUsage().maxRSS+"\\n"))';

/**
 * Lists contacts of the simulator as CSV.
 *
 * @param contacts how many there are.
 * @param limits how many each run lists.
 */
export async function listToCsv(contacts: number, limits: readonly number[]): Promise<CsvRun[]> {
  const running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '40'],
    settings: {},
  });
  const withdraw = publishConnection(running.system.connection);
  try {
    for (let from = 0; from < contacts; from += PART) {
      const part = Array.from({ length: Math.min(PART, contacts - from) }, (_, index) =>
        contactOf(from + index),
      );
      await running.controlApi.addContacts(part);
    }
    const runs: CsvRun[] = [];
    for (const limit of limits) {
      await running.controlApi.countAnew();
      const result = await run(['list', 'contacts', '--format', 'csv', '--limit', String(limit)]);
      runs.push({ contacts: limit, ...result, requests: (await running.controlApi.stats()).totalRequests });
    }
    return runs;
  } finally {
    withdraw();
    await running.stop();
  }
}

const contactOf = (index: number) => ({
  values: {
    given_name: `Given ${index}`,
    family_name: `Family ${index}`,
    'email_addresses.EMAIL1': `user-${index}@example.com`,
    'phone_numbers.PHONE1': `+49 30 ${index}`,
    'addresses.BILLING.line1': `${index} Long Street`,
  },
  customFields: { 'Favourite Workout': 'yoga', Level: String(index % 7) },
});

async function run(args: readonly string[]): Promise<{ lines: number; bytes: number }> {
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${HEAP_MIB}`,
      `--import=data:text/javascript,${encodeURIComponent(PRINT_MEMORY)}`,
      ...['infra/cli/main.ts', 'crm', ...args, '--rate', String(HIGHEST_RATE), '--local'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let lines = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) lines++;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  const kilobytes = Number(/maxRSS (\d+)/.exec(errors)?.[1]);
  if (code !== 0 || !kilobytes) throw new Error(`The command failed (${code}): ${errors}`);
  return { lines, bytes: kilobytes * 1024 };
}
