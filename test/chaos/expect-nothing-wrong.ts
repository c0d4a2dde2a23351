import { expect } from 'vitest';
import type { ChaosReport } from './chaos.ts';

/** Expects that a chaos run lost, doubled and touched nothing, and explained every dead letter. */
export function expectNothingWrong(report: ChaosReport): void {
  expect(report).toMatchObject({
    problems: [],
    lost: 0,
    doubledContacts: 0,
    foreignWrites: 0,
    wrongTags: 0,
    deadLettersUnexplained: 0,
  });
}
