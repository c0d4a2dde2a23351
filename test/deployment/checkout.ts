import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../infra/accounts.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CommandResult {
  code: number | null;
  out: string;
  err: string;
}

export interface RunOptions {
  /** Standard input. */
  input?: string;
  environment?: Record<string, string>;
  /** Called with all standard error output so far. */
  onStandardError?: (text: string) => void;
}

/** A copy of the working tree with its own settings. Its commands run with the given environment variables. */
export class Checkout {
  readonly directory: string;
  readonly #environment: Record<string, string>;

  constructor(environment: Record<string, string>) {
    this.directory = mkdtempSync(join(tmpdir(), 'user-sync-checkout-'));
    this.#environment = environment;
    const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    for (const file of new Set(files.split('\0').filter(Boolean))) {
      mkdirSync(`${this.directory}/${dirname(file)}`, { recursive: true });
      cpSync(`${ROOT}${file}`, `${this.directory}/${file}`);
    }
    symlinkSync(`${ROOT}node_modules`, `${this.directory}/node_modules`);
  }

  /** Writes `context.userSync` of cdk.json. */
  configure(settings: Settings): void {
    const cdk = JSON.parse(this.read('cdk.json'));
    cdk.context.userSync = settings;
    this.write('cdk.json', `${JSON.stringify(cdk, null, 2)}\n`);
  }

  read(file: string): string {
    return readFileSync(`${this.directory}/${file}`, 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  /** Runs `npm run script -- args`. */
  npm(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CommandResult> {
    return this.#run('npm', ['run', '--silent', script, '--', ...args], options);
  }

  /** Runs `npx --no user-sync command args`. */
  userSync(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CommandResult> {
    return this.#run('npx', ['--no', 'user-sync', command, ...args], options);
  }

  /** Runs the CDK's own command. */
  cdk(...args: string[]): Promise<CommandResult> {
    return this.#run('npm', ['exec', '--silent', '--', 'cdk', ...args], {});
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #run(
    program: string,
    args: readonly string[],
    { input = '', environment = {}, onStandardError }: RunOptions,
  ): Promise<CommandResult> {
    const { PATH, HOME } = process.env;
    const child = spawn(program, args, {
      cwd: this.directory,
      env: { PATH, HOME, CI: 'true', ...this.#environment, ...environment },
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
      onStandardError?.(err);
    });
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, out, err };
  }
}
