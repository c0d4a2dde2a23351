import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const DIRECTORY = fileURLToPath(new URL('../../.local/python-tools/', import.meta.url));
const INSTALL_TIMEOUT_MS = 300_000;

/**
 * Installs the Python tools of `requirements.txt` into a virtual environment in `.local/`, unless they are installed.
 *
 * @returns directory of their executables.
 * @throws Error that says what to install when Python 3 or its `venv` module is missing.
 */
export async function pythonTools(): Promise<string> {
  const bin = `${DIRECTORY}bin/`;
  const installed = `${DIRECTORY}requirements.txt`;
  if (existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(REQUIREMENTS, 'utf8'))
    return bin;
  rmSync(DIRECTORY, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', DIRECTORY]).catch((error: Error) => {
    throw new Error(
      'The deployment check needs Python 3.10 or newer with its venv module (Debian: apt-get install python3-venv; macOS: brew install python3).',
      { cause: error },
    );
  });
  await run(`${bin}pip`, ['install', '--quiet', '--requirement', REQUIREMENTS], {
    timeout: INSTALL_TIMEOUT_MS,
  });
  copyFileSync(REQUIREMENTS, installed);
  return bin;
}
