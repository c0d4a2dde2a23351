import type { InfusionsoftClient } from '../infusionsoft/client.ts';

/** Names of the account's tags and custom fields, by id. */
export interface AccountNames {
  /** Reads the names of ids that are not known yet: lists all tags, or all custom fields, at most once each. */
  learn(ids: { tagIds: readonly number[]; fieldIds: readonly number[] }): Promise<void>;
  /** Undefined for a tag or field that was deleted. */
  tagName(tagId: number): string | undefined;
  fieldLabel(fieldId: number): string | undefined;
}

/** Shortest time between two lists of one kind, in milliseconds: a page can show many ids that the account no longer has. */
const LEARN_AGAIN_MS = 5 * 60_000;

/** Names as of the last list that was needed. Create one for each Lambda environment. */
export function accountNames(
  client: Pick<InfusionsoftClient, 'listTags' | 'listCustomFields'>,
  now: () => number,
): AccountNames {
  const kind = (list: () => Promise<readonly (readonly [number, string])[]>) => {
    let names = new Map<number, string>();
    let learnedAt = Number.NEGATIVE_INFINITY;
    return {
      get: (id: number) => names.get(id),
      async learn(ids: readonly number[]) {
        if (ids.every((id) => names.has(id)) || now() - learnedAt < LEARN_AGAIN_MS) return;
        names = new Map(await list());
        learnedAt = now();
      },
    };
  };
  const tags = kind(async () => (await client.listTags()).map(({ id, name }) => [id, name] as const));
  const fields = kind(async () =>
    (await client.listCustomFields()).map(({ id, label }) => [id, label] as const),
  );
  return {
    learn: async ({ tagIds, fieldIds }) => {
      await tags.learn(tagIds);
      await fields.learn(fieldIds);
    },
    tagName: tags.get,
    fieldLabel: fields.get,
  };
}
