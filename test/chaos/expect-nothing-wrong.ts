import { expect } from 'vitest';
import type { ChaosReport } from './chaos.ts';

/** Expects a chaos run without findings. */
export function expectNothingWrong(report: ChaosReport): void {
  expect(report).toMatchObject({
    problems: [],
    lost: 0,
    doubledContacts: 0,
    sharedContacts: 0,
    orphans: 0,
    foreignWrites: 0,
    overLimit: 0,
    wrongConsent: 0,
    wrongEvents: 0,
    wrongTags: 0,
    deadLettersUnexplained: 0,
  });
}
