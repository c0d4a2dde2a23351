import * as z from 'zod';
import type { Random } from './random.ts';

/** Faults that the simulator can inject. */
export const FAULT_KINDS = [
  /** 500 with a Java stack trace. */
  'server-error',
  /** 503 of a proxy. */
  'unavailable',
  /** 502 with an HTML page. */
  'html',
  /** 200 with JSON that is cut off. */
  'truncated',
  /** 500 without a body. */
  'empty',
  /** No response; the connection breaks after `hangMs`. */
  'hang',
  /** Like `hang`, but an update, an upsert or a tag request takes effect `lateMs` after it arrived: possibly after later requests. */
  'late',
  /** The connection breaks at once. */
  'reset',
  /** 429 as if the limit per second were reached. */
  'spike',
  /** 429 as if the limit per minute were reached. */
  'quota',
  /** 429 as if a limit were reached that the vendor does not document, such as that of the whole account. */
  'account-limit',
  /** 401 for a valid key. */
  'unauthorized',
  /** The correct response, `slowMs` late. */
  'slow',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Which requests fail, and how. */
export const faultPlanSchema = z.strictObject({
  /** Share of the requests that fail, from 0 to 1. */
  rate: z.number().min(0).max(1).default(0),
  kinds: z
    .array(z.enum(FAULT_KINDS))
    .min(1)
    .default([...FAULT_KINDS]),
  /** Share of the faults that happen after the request took effect, as when a response is lost. */
  afterEffect: z.number().min(0).max(1).default(0.3),
  /** Time until the connection of a `hang` or `late` breaks, in milliseconds. */
  hangMs: z.number().min(0).default(40_000),
  /** Time until a `late` write takes effect, in milliseconds. */
  lateMs: z.number().min(0).max(30_000).default(10_000),
  /** Extra delay of a `slow` response, in milliseconds. */
  slowMs: z.number().min(0).default(10_000),
});
export type FaultPlan = z.output<typeof faultPlanSchema>;

/** How one request fails. */
export interface Fault {
  kind: FaultKind;
  afterEffect: boolean;
}

/** Faults without an effect before the answer: the gateway answers by itself, or the request takes effect later. */
const BEFORE_EFFECT: ReadonlySet<FaultKind> = new Set([
  'spike',
  'quota',
  'account-limit',
  'unauthorized',
  'late',
]);

/** Draws faults. The same seed and order of requests give the same faults. */
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
    return kind && { kind, afterEffect: this.#random() < afterEffect && !BEFORE_EFFECT.has(kind) };
  }
}
