import { pythonTools } from './python-tools.ts';

/** Installs the tools once, before the test files begin side by side. */
export async function setup(): Promise<void> {
  await pythonTools();
}
