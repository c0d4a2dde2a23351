import * as z from 'zod';
import type { Random } from './random.ts';

/** How a request can go wrong. */
export const FAULT_KINDS = [
  'server-error',
  'unavailable',
  'html',
  'truncated',
  'empty',
  'hang',
  'reset',
  'spike',
  'quota',
  'unauthorized',
  'slow',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Which requests go wrong, and how. */
export const faultPlanSchema = z.strictObject({
  /** Part of the requests that go wrong, from 0 to 1. */
  rate: z.number().min(0).max(1).default(0),
  kinds: z
    .array(z.enum(FAULT_KINDS))
    .min(1)
    .default([...FAULT_KINDS]),
  /** Part of the faults that come after the request has had its effect: "timed out, but it happened". */
  afterEffect: z.number().min(0).max(1).default(0.3),
  /** How long a hanging request hangs before its connection breaks, in milliseconds. */
  hangMs: z.number().min(0).default(40_000),
  /** How much longer a slow answer takes, which is right otherwise, in milliseconds. */
  slowMs: z.number().min(0).default(10_000),
});
export type FaultPlan = z.output<typeof faultPlanSchema>;

/** A request that is going to go wrong. */
export interface Fault {
  kind: FaultKind;
  afterEffect: boolean;
}

/** Kinds that the gateway answers by itself: a request that gets one of these had no effect. */
const AT_THE_GATE: ReadonlySet<FaultKind> = new Set(['spike', 'quota', 'unauthorized']);

/** Draws faults: the same for the same seed and order of requests. */
export class FaultSource {
  plan: FaultPlan;
  readonly #random: Random;

  constructor(plan: FaultPlan, random: Random) {
    this.plan = plan;
    this.#random = random;
  }

  next(): Fault | undefined {
    const { rate, kinds, afterEffect } = this.plan;
    if (this.#random() >= rate) return undefined;
    const kind = kinds[Math.floor(this.#random() * kinds.length)];
    return kind && { kind, afterEffect: this.#random() < afterEffect && !AT_THE_GATE.has(kind) };
  }
}
