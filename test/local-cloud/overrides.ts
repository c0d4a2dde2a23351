/** Values given for a run in place of the template's. One that nothing asks for is a mistake, not a wish. */
export class Overrides {
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #variables: ReadonlyMap<string, string>;
  readonly #unused: Set<string>;

  constructor(secrets: Readonly<Record<string, string>>, variables: Readonly<Record<string, string>>) {
    this.#secrets = new Map(Object.entries(secrets));
    this.#variables = new Map(Object.entries(variables));
    this.#unused = new Set([...this.#secrets.keys(), ...this.#variables.keys()]);
  }

  /** Value of a secret, by any of its keys: logical id or name. */
  secret(...keys: string[]): string | undefined {
    const key = keys.find((each) => this.#secrets.has(each));
    return key === undefined ? undefined : this.#take(this.#secrets, key);
  }

  /** Value of an environment variable. */
  variable(name: string): string | undefined {
    return this.#take(this.#variables, name);
  }

  /** @throws when a value was given for something that the template has not. */
  requireAllUsed(): void {
    if (this.#unused.size > 0)
      throw new Error(`The template has no secret or variable called ${[...this.#unused].join(', ')}.`);
  }

  #take(values: ReadonlyMap<string, string>, key: string): string | undefined {
    if (values.has(key)) this.#unused.delete(key);
    return values.get(key);
  }
}
