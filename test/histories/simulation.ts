import { seededRandom } from '../simulator/traffic/random.ts';

/** Something that can die, such as an environment of a function. What it waits for never comes then. */
export interface Life {
  isAlive: boolean;
}

interface Event {
  at: number;
  life: Life | undefined;
  run: () => unknown;
}

/** Turns of the event loop after which all work has ended that waits for no event. Reading the body of an answer takes more than one. */
const TURNS = 2;
const nextTurn = () => new Promise<void>((done) => setImmediate(done));

/** A simulated clock and the events of a history. Time stands still while code runs, and jumps from event to event. */
export class Simulation {
  /** Epoch milliseconds. */
  now: number;
  /** From 0 to 1: the same numbers for the same seed. */
  readonly random: () => number;
  /** Events of living environments that have happened. */
  calls = 0;
  readonly #events: Event[] = [];

  constructor(now: number, seed: number) {
    this.now = now;
    // The smallest seed has no variation, so that a shrunk history is easy to follow.
    this.random = seed === 0 ? () => 0.5 : seededRandom(seed);
  }

  /** Does something later, unless `life` has ended by then. */
  schedule(afterMs: number, run: () => unknown, life?: Life): void {
    const event = { at: this.now + Math.max(0, Math.round(afterMs)), life, run };
    const index = this.#events.findLastIndex(({ at }) => at <= event.at);
    this.#events.splice(index + 1, 0, event);
  }

  /** Waits. Never ends once `life` has ended. */
  wait(ms: number, life?: Life): Promise<void> {
    return new Promise((done) => this.schedule(ms, done, life));
  }

  /** When the next event is due, in epoch milliseconds. */
  get nextAt(): number {
    return this.#events[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Lets the next event happen, and all that follows from it at once. */
  async step(): Promise<void> {
    const event = this.#events.shift();
    if (!event) return;
    this.now = Math.max(this.now, event.at);
    if (event.life?.isAlive === false) return;
    if (event.life) this.calls++;
    await event.run();
    for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  }
}
