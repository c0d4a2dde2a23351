import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Item = Record<string, AttributeValue>;
export type Items = Iterable<Item> | AsyncIterable<Item>;

/** Items that tables have before the stack, by the beginning of a table's logical id. Each belongs to exactly one table. */
export class ExistingItems {
  readonly #items: ReadonlyMap<string, Items>;
  readonly #tables = new Map<string, string>();

  constructor(items: Readonly<Record<string, Items>>) {
    this.#items = new Map(Object.entries(items));
  }

  /** The items of a table. @throws when another table has them, or when there are several for this one. */
  of(logicalId: string): Items | undefined {
    const [key, ...others] = [...this.#items.keys()].filter((each) => logicalId.startsWith(each));
    if (key === undefined) return undefined;
    const table = this.#tables.get(key);
    if (table) throw new Error(`Existing items "${key}" could be of ${table} and of ${logicalId}.`);
    if (others.length > 0)
      throw new Error(`The table ${logicalId} has existing items as ${[key, ...others].join(' and as ')}.`);
    this.#tables.set(key, logicalId);
    return this.#items.get(key);
  }

  /** @throws when items were given for a table that the template has not. */
  requireAllUsed(): void {
    const unused = [...this.#items.keys()].filter((key) => !this.#tables.has(key));
    if (unused.length > 0)
      throw new Error(`The template has no table whose logical id begins with ${unused.join(' or ')}.`);
  }
}
