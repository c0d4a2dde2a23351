/** Lets a loop pass while it is open. */
export class Gate {
  #opened = Promise.withResolvers<void>();
  #waiting = Promise.withResolvers<void>();
  #isOpen = false;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#opened = Promise.withResolvers();
    this.#waiting = Promise.withResolvers();
  }

  /** Called by the loop before each round. */
  async pass(): Promise<void> {
    if (!this.#isOpen) this.#waiting.resolve();
    await this.#opened.promise;
  }

  /** Fulfilled when the loop has come to the closed gate. */
  get reached(): Promise<void> {
    return this.#waiting.promise;
  }
}
