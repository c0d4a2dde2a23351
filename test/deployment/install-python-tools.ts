import { pythonTools } from './python-tools.ts';

/** Installs the tools once, before the test files start in parallel. */
export async function setup(): Promise<void> {
  await pythonTools();
}
