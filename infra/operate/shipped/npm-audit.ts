import { execFile } from 'node:child_process';

const TIMEOUT_MS = 60_000;
const MOST_BYTES = 50_000_000;

/**
 * What npm's registry knows against the installed packages, as `npm audit --json` prints it.
 *
 * @param root of the project, with its package-lock.json.
 * @returns whatever was printed, an error of the registry too; undefined when it is no JSON.
 */
export async function npmAudit(root: string): Promise<unknown> {
  const options = { cwd: root, timeout: TIMEOUT_MS, maxBuffer: MOST_BYTES };
  const printed = await new Promise<string>((resolve) => {
    // It ends with 1 for advisories as for a registry that does not answer: what it prints tells which.
    execFile('npm', ['audit', '--json', '--fetch-retries=0'], options, (_error, stdout) => resolve(stdout));
  });
  try {
    return JSON.parse(printed);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
