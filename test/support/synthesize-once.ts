import type { TestProject } from 'vitest/node';
import { synthesizedAssembly } from '../demo/synthesized-assembly.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory of the assembly of a stack with default settings. */
    assembly: string;
  }
}

/** Synthesizes the stack with default settings once, with its bundles, for all test files of a project. */
export default async function setup(project: TestProject): Promise<void> {
  const provide = async () => project.provide('assembly', await synthesizedAssembly({}));
  await provide();
  project.onTestsRerun(provide);
}
