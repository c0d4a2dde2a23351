import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const CPU_CONTROLLER = '/sys/fs/cgroup/cpu';
const REMOVE_MS = 100;
const ATTEMPTS = 50;

/** How often environments used up their processor quota. */
export interface Throttling {
  periods: number;
  throttledShare: number;
}

/** @returns why this machine cannot limit the processor time of threads, or undefined if it can. */
export function whyNoQuotas(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'requires Linux and root';
  return existsSync(`${CPU_CONTROLLER}/cpu.cfs_quota_us`)
    ? undefined
    : `no cpu controller of cgroup version 1 in ${CPU_CONTROLLER}`;
}

/** Runs work with a directory for the environments' cgroups, and removes it afterwards. */
export async function withProcessorQuotas<Result>(
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = `${CPU_CONTROLLER}/user-sync-bench-${process.pid}`;
  mkdirSync(directory);
  try {
    return await work(directory);
  } finally {
    await remove(directory);
  }
}

/** The throttling of all environments so far. */
export function throttlingIn(directory: string): Throttling {
  const stats = groupsIn(directory).map((group) => readFileSync(`${group}/cpu.stat`, 'utf8'));
  const total = (name: string) =>
    stats.reduce((sum, text) => sum + Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0), 0);
  const periods = total('nr_periods');
  return { periods, throttledShare: periods > 0 ? total('nr_throttled') / periods : 0 };
}

const groupsIn = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${directory}/${name}`);

/** Retries, because a group cannot be removed before its threads have ended. */
async function remove(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      for (const group of groupsIn(directory)) rmdirSync(group);
      rmdirSync(directory);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sleep(REMOVE_MS);
    }
  }
}
