/** Ids of the contacts that hold or have held an address, by the address; the case of letters does not count. */
export class EmailIndex {
  readonly #ids = new Map<string, Set<number>>();

  add(email: string, id: number): void {
    const key = email.toLowerCase();
    this.#ids.set(key, (this.#ids.get(key) ?? new Set()).add(id));
  }

  /** From the oldest contact to the newest. */
  ids(email: string): number[] {
    return [...(this.#ids.get(email.toLowerCase()) ?? [])].sort((a, b) => a - b);
  }

  clear(): void {
    this.#ids.clear();
  }
}
