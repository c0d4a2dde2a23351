import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ky from 'ky';
import { freePort } from '../local-cloud/emulators/dynamodb-local.ts';
import { pythonTools } from './python-tools.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** An AWS fault that microburst injects; see "Rules" in its README on PyPI for all properties. */
export interface FaultRule {
  /** Service name in the request's signature, for example `dynamodb`. */
  service: string;
  operation?: string;
  /** Part of the requests that the rule affects, from 0 to 1. */
  probability: number;
  error?: { code: string; status?: number };
  /** Milliseconds. */
  latency?: { min: number; max: number };
  /** Ends the connection before the request is forwarded. */
  reset?: true;
  /** Applies the request and ends the connection after this part of the response. */
  response?: { abort_frac: number };
}

/** MiniStack, an AWS emulator from PyPI, with microburst between the functions and its services. */
export interface Emulator {
  /** Environment variables with which the AWS CLI, SDK and CDK use the emulator. */
  environment: Record<string, string>;
  /** Replaces the fault rules for requests that functions make. */
  injectFaults(rules: readonly FaultRule[]): Promise<void>;
  /** Faults injected so far, by rule. */
  injectedFaults(): Promise<Record<string, number>>;
  /** Kills one process that runs a function, chosen by `random` (0 to 1). @returns whether there was one. */
  killFunctionProcess(random: () => number): Promise<boolean>;
  /** Output of MiniStack. */
  logFile: string;
  stop(): Promise<void>;
}

/** Starts MiniStack and microburst on free ports of 127.0.0.1. @throws Error with the name of the log file when one does not start. */
export async function startEmulator(): Promise<Emulator> {
  const bin = await pythonTools();
  // Outside this package, where Node.js would load MiniStack's script as an ES module.
  const directory = mkdtempSync(join(tmpdir(), 'user-sync-emulator-'));
  const [gatewayPort, faultPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${gatewayPort}`;
  const faultUrl = `http://127.0.0.1:${faultPort}`;
  const logFile = `${directory}/ministack.log`;
  const ministack = start(`${bin}ministack`, [], logFile, {
    GATEWAY_PORT: String(gatewayPort),
    MINISTACK_HOST: '127.0.0.1',
    // MiniStack passes its own AWS_ENDPOINT_URL to the functions.
    AWS_ENDPOINT_URL: faultUrl,
    // Functions run on the first `node` in the PATH.
    PATH: `${ROOT}node_modules/.bin:${process.env['PATH']}`,
    TMPDIR: directory,
  });
  const proxy = start(
    `${bin}microburst`,
    ['--upstream', url, '--host', '127.0.0.1', '--port', String(faultPort)],
    `${directory}/microburst.log`,
    {},
  );
  const control = ky.create({ prefix: `${faultUrl}/_microburst`, retry: 0 });
  const stop = async () => {
    await Promise.all([ministack, proxy].map(stopGroup));
  };
  try {
    await answers(`${url}/_ministack/health`, ministack, logFile);
    await answers(`${faultUrl}/_microburst/health`, proxy, `${directory}/microburst.log`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    environment: {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    async injectFaults(rules) {
      await control.post('rules', { json: rules });
    },
    async injectedFaults() {
      const { by_rule } = await control
        .get('stats')
        .json<{ by_rule: { describe: string; fired: number }[] }>();
      return Object.fromEntries(by_rule.map(({ describe, fired }) => [describe, fired]));
    },
    async killFunctionProcess(random) {
      const pids = await workersOf(ministack.pid ?? 0);
      const pid = pids[Math.floor(random() * pids.length)];
      if (pid === undefined) return false;
      process.kill(pid, 'SIGKILL');
      return true;
    },
    logFile,
    stop,
  };
}

/** Starts a program as the leader of a process group, so that its children can be killed with it. */
function start(
  program: string,
  args: string[],
  logFile: string,
  environment: Record<string, string>,
): ChildProcess {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const end = () => killGroup(child);
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  return child;
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  killGroup(child);
  await exited;
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

async function answers(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${url} ended before it answered: see ${logFile}`);
    try {
      await ky.get(url, { retry: 0, timeout: 1000 });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${url} does not answer: see ${logFile}`, { cause: error });
      await new Promise((due) => setTimeout(due, 200));
    }
  }
}

/** Processes of MiniStack that run functions. */
async function workersOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, ...args]) => Number(ppid) === parent && args.some((arg) => arg.endsWith('_worker.js')))
    .map(([pid]) => Number(pid));
}
