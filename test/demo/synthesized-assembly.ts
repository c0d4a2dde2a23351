import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConfigInput } from '../../infra/config.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CACHE = join(ROOT, '.local/assemblies');
/** Files that an assembly depends on. */
const SOURCES = ['{infra,lambdas,shared}/**/*.*', 'package.json', 'package-lock.json', 'tsconfig.json'];
const UNUSED_MS = 24 * 3_600_000;
const run = promisify(execFile);

/** Syntheses that are running, by directory. */
const running = new Map<string, Promise<string>>();

/**
 * Directory of the synthesized stack. Synthesizes it in a separate process, like the CDK CLI, unless an assembly of the same settings
 * and sources exists (in .local/assemblies).
 *
 * @throws Error with the output of the app, when a setting is wrong or a rule is broken.
 */
export function synthesizedAssembly(settings: ConfigInput): Promise<string> {
  const directory = assemblyDirectory(settings);
  const synthesis =
    running.get(directory) ?? synthesize(settings, directory).finally(() => running.delete(directory));
  running.set(directory, synthesis);
  return synthesis;
}

async function synthesize(settings: ConfigInput, directory: string): Promise<string> {
  if (existsSync(directory)) {
    const now = new Date();
    utimesSync(directory, now, now);
    return directory;
  }
  mkdirSync(CACHE, { recursive: true });
  removeUnused();
  const outdir = mkdtempSync(join(CACHE, 'new-'));
  try {
    const CDK_CONTEXT_JSON = JSON.stringify({ userSync: settings });
    // The deployment and test/infra/rules.test.ts validate the template, which takes seconds.
    const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON, CDK_VALIDATION: 'false' };
    await run(process.execPath, [join(ROOT, 'infra/app.ts')], { env });
    try {
      renameSync(outdir, directory);
    } catch (error) {
      // Another process may have been faster. Its assembly is the same.
      if (!existsSync(directory)) throw error;
    }
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
  return directory;
}

/** Directory of the assembly of these settings and the current sources. */
export function assemblyDirectory(settings: ConfigInput): string {
  const hash = createHash('sha256').update(JSON.stringify([process.version, settings]));
  // A mapping that a test writes matters only for the stack that uses it.
  const isUsed = (file: string) => !file.includes('under-test') || file === settings.mapping;
  for (const file of globSync(SOURCES, { cwd: ROOT }).filter(isUsed).sort())
    hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)));
  return join(CACHE, hash.digest('hex').slice(0, 24));
}

/** Removes assemblies that were not used for a day. */
function removeUnused(): void {
  for (const name of readdirSync(CACHE)) {
    const directory = join(CACHE, name);
    const usedAt = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - usedAt > UNUSED_MS) rmSync(directory, { recursive: true, force: true });
  }
}
