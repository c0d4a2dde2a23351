import { isDeepStrictEqual } from 'node:util';
import { createInstance, type getHttpOperationsFromSpec } from '@stoplight/prism-http';
import type { Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import { resourceReader } from '../../../shared/infusionsoft/resources/reader.ts';
import { withNested } from './compare.ts';
import { type ContractDocument, operationsOf, routeName } from './document.ts';

type Operations = Awaited<ReturnType<typeof getHttpOperationsFromSpec>>;
const BASE = '/crm/rest/v1';
const silent = () => undefined;
const LOGGER = {
  ...{
    trace: silent,
    debug: silent,
    info: silent,
    warn: silent,
    error: silent,
    fatal: silent,
    success: silent,
  },
  child: () => LOGGER,
};

/** A `fetch` that answers as Prism's mock does (`prism mock -d`), and refuses requests that the document does not allow. */
function mockFetch(operations: Operations, onAnswer: (answer: unknown) => void): typeof fetch {
  const prism = createInstance(
    {
      mock: { dynamic: true, seed: 'resources' },
      checkSecurity: false,
      validateRequest: true,
      validateResponse: false,
      errors: true,
      upstreamProxy: undefined,
      isProxy: false,
    },
    { logger: LOGGER as never },
  );
  return async (input) => {
    const { pathname, searchParams } = new URL(input instanceof Request ? input.url : input);
    const url = { path: pathname.replace(BASE, ''), query: Object.fromEntries(searchParams) };
    const result = await prism.request({ method: 'get', url }, operations)();
    if (result._tag === 'Left') throw result.left;
    const { statusCode, body } = result.right.output;
    onAnswer(body);
    return Response.json(body, { status: statusCode });
  };
}

/** Result of the reads. */
export interface Reads {
  /** Reads whose generated answer was parsed without a loss. */
  reads: number;
  /** Answers with one property missing or null that were parsed without a loss. */
  variants: number;
  problems: string[];
}

/**
 * Makes every declared list and single read against answers that are generated from the document, as they are, and with each property
 * missing and null.
 */
export async function readGenerated(
  resources: readonly Resource[],
  contract: ContractDocument,
): Promise<Reads> {
  const operations = await operationsOf(contract);
  const result: Reads = { reads: 0, variants: 0, problems: [] };
  for (const [name, resource] of resources.flatMap(withNested)) {
    for (const kind of ['list', 'get'] as const) {
      const action = resource[kind];
      if (!action || !contract.routes.has(routeName('GET', action.path))) continue;
      const what = `${kind} ${name}`;
      try {
        let answer: unknown;
        const generated = mockFetch(operations, (body) => {
          answer = body;
        });
        if (await isLossless(resource, kind, generated, () => answer)) result.reads++;
        else result.problems.push(`${what}: a value is lost`);
        for (const variant of variantsOf(answer, resource.key)) {
          const fetch = async () => Response.json(variant);
          if (await isLossless(resource, kind, fetch, () => variant)) result.variants++;
          else result.problems.push(`${what}: a value is lost of ${JSON.stringify(variant)}`);
        }
      } catch (error) {
        result.problems.push(
          `${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
        );
      }
    }
  }
  return result;
}

async function isLossless(
  resource: Resource,
  kind: 'list' | 'get',
  fetch: typeof globalThis.fetch,
  answered: () => unknown,
): Promise<boolean> {
  const reader = resourceReader({ url: 'http://crm.local', fetch });
  const placeholders = (resource[kind]?.path.match(/\{\w+\}/g) ?? []).map(() => 7);
  if (kind === 'get') return isDeepStrictEqual(await reader.get(resource, placeholders), answered());
  const [of] = placeholders;
  const page = await reader.pages(resource, { ...(of !== undefined && { of }) }).next();
  const rows = page.done ? [] : page.value.rows;
  return isDeepStrictEqual(rows, expectedRows(resource, answered()));
}

function expectedRows({ list }: Resource, answer: unknown): unknown[] {
  const where = list?.rows;
  if (where === 'items') return answer as unknown[];
  if (where === 'texts') return (answer as string[]).map((text) => ({ text }));
  const name = where && ('in' in where ? where.in : where.codes);
  const found = (answer as Record<string, unknown>)[name ?? ''] ?? [];
  if (Array.isArray(found)) return found;
  return Object.entries(found).map(([code, value]) => ({ code, name: value }));
}

/** Copies of an answer, each with one property missing or null. The keys of items are never changed. */
export function* variantsOf(answer: unknown, key: string | undefined): Generator<unknown> {
  const keys = new Set(key === undefined ? [] : [key]);
  for (const path of pathsIn(answer, [])) {
    // The key of an item, at the top or in the list of a page.
    const names = path.filter((part) => typeof part === 'string');
    if (keys.has(names.at(-1) ?? '') && names.length <= 2) continue;
    for (const change of ['missing', 'null'] as const) {
      const copy = structuredClone(answer);
      const parent = path
        .slice(0, -1)
        .reduce((value: unknown, part) => (value as Record<string, unknown>)[part], copy);
      const last = path.at(-1) ?? '';
      if (change === 'null') (parent as Record<string, unknown>)[last] = null;
      else delete (parent as Record<string, unknown>)[last];
      yield copy;
    }
  }
}

/** The paths of all properties. Of a list, those of its first item. */
function* pathsIn(value: unknown, path: (string | number)[]): Generator<(string | number)[]> {
  if (Array.isArray(value)) {
    if (value.length > 0) yield* pathsIn(value[0], [...path, 0]);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    yield [...path, name];
    yield* pathsIn(inner, [...path, name]);
  }
}
