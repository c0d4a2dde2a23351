import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** Values that replace the template's in this run. An unused value is an error: it was probably misspelled. */
export class Overrides {
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #variables: ReadonlyMap<string, string>;
  readonly #unused: Set<string>;

  constructor(secrets: Readonly<Record<string, string>>, variables: Readonly<Record<string, string>>) {
    this.#secrets = new Map(Object.entries(secrets));
    this.#variables = new Map(Object.entries(variables));
    this.#unused = new Set([...this.#secrets.keys(), ...this.#variables.keys()]);
  }

  /** Value of a secret, by logical id or name. */
  secret(...keys: string[]): string | undefined {
    const key = keys.find((each) => this.#secrets.has(each));
    return key === undefined ? undefined : this.#use(this.#secrets, key);
  }

  /** Value of an environment variable of the functions. */
  variable(name: string): string | undefined {
    return this.#use(this.#variables, name);
  }

  /** @throws Error when a value was given that the template does not have. */
  requireAllUsed(): void {
    if (this.#unused.size > 0)
      throw new Error(`The template has no secret or variable called ${[...this.#unused].join(', ')}.`);
  }

  #use(values: ReadonlyMap<string, string>, key: string): string | undefined {
    if (values.has(key)) this.#unused.delete(key);
    return values.get(key);
  }
}

export type Item = Record<string, AttributeValue>;
export type Items = Iterable<Item> | AsyncIterable<Item>;

/** Items that tables contain before the stack is deployed, by the prefix of a table's logical id. Each prefix matches exactly one table. */
export class ExistingItems {
  readonly #items: ReadonlyMap<string, Items>;
  readonly #tables = new Map<string, string>();

  constructor(items: Readonly<Record<string, Items>>) {
    this.#items = new Map(Object.entries(items));
  }

  /** Items of a table. @throws Error when the prefix also matches another table, or several prefixes match this one. */
  of(logicalId: string): Items | undefined {
    const [key, ...others] = [...this.#items.keys()].filter((each) => logicalId.startsWith(each));
    if (key === undefined) return undefined;
    const table = this.#tables.get(key);
    if (table) throw new Error(`Existing items "${key}" match both ${table} and ${logicalId}.`);
    if (others.length > 0)
      throw new Error(`The table ${logicalId} has existing items under ${[key, ...others].join(' and ')}.`);
    this.#tables.set(key, logicalId);
    return this.#items.get(key);
  }

  /** @throws Error when items were given for a table that the template does not have. */
  requireAllUsed(): void {
    const unused = [...this.#items.keys()].filter((key) => !this.#tables.has(key));
    if (unused.length > 0)
      throw new Error(`The template has no table whose logical id begins with ${unused.join(' or ')}.`);
  }
}
