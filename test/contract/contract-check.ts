import { closeSchemas } from './close-schemas.ts';
import { type ApiDocument, BASE_PATH, findOperation, type Operation, operationsOf } from './document.ts';
import type { KnownDifference, UndocumentedRequest } from './known-differences.ts';
import type { Exchange } from './recording-proxy.ts';
import { answerViolations, isBodyChecked, requestViolations, type Violation } from './violations.ts';

/** A violation, and how often it occurs. */
export interface Finding extends Violation {
  /** Method and path, as in `PUT /contacts`. */
  request: string;
  count: number;
}

export interface ContractReport {
  /** Number of exchanges by operation of the document. */
  requests: Readonly<Record<string, number>>;
  /** Requests that the document does not have, with their source. */
  undocumented: (UndocumentedRequest & { count: number })[];
  /** Requests that the document marks as deprecated. */
  deprecated: string[];
  /** The known differences, and whether this document needs them. */
  differences: (KnownDifference & { isNeeded: boolean })[];
  /** Everything else that differs from the document, most frequent first. */
  findings: Finding[];
}

export interface ContractRules {
  differences: readonly KnownDifference[];
  undocumented: readonly UndocumentedRequest[];
}

/** An exchange with its operation. */
interface Located {
  request: string;
  exchange: Exchange;
  /** The path in the terms of the document. */
  path: string;
  operation: Operation | undefined;
}

/**
 * Compares requests and answers with a document, after it was amended by the known differences.
 *
 * @throws DocumentError if a known difference does not fit the document.
 */
export async function checkContract(
  document: ApiDocument,
  exchanges: readonly Exchange[],
  { differences, undocumented }: ContractRules,
): Promise<ContractReport> {
  const amended = differences.map((difference) => ({
    ...difference,
    isNeeded: difference.amend ? difference.amend(document) : true,
  }));
  closeSchemas(document);
  const operations = await operationsOf(document);
  const located = exchanges.map((exchange) => locate(exchange, operations));
  const unknown = located.filter(({ operation }) => !operation);
  const known = located.filter(({ operation }) => operation).map(({ request }) => request);
  const isListed = ({ request }: Located) => undocumented.some((listed) => listed.request === request);
  const deprecated = located.filter(({ operation }) => operation?.deprecated).map(({ request }) => request);
  return {
    requests: Object.fromEntries(
      [...Map.groupBy(known, (request) => request)].map(([name, all]) => [name, all.length]),
    ),
    undocumented: undocumented
      .map((listed) => ({
        ...listed,
        count: unknown.filter(({ request }) => request === listed.request).length,
      }))
      .filter(({ count }) => count > 0),
    deprecated: [...new Set(deprecated)].sort(),
    differences: amended,
    findings: findingsOf([
      ...unknown.filter((each) => !isListed(each)).map(asUnknown),
      ...located.flatMap((each) => violationsOf(each, differences)),
      ...uncheckedBodies(located),
    ]),
  };
}

function locate(exchange: Exchange, operations: readonly Operation[]): Located {
  const { method, url } = exchange;
  const { pathname } = new URL(url, 'http://any');
  const path = pathname.startsWith(`${BASE_PATH}/`) ? pathname.slice(BASE_PATH.length) : undefined;
  const operation = path === undefined ? undefined : findOperation(operations, method, path);
  return {
    request: `${method} ${operation?.path ?? pathname}`,
    exchange,
    path: path ?? pathname,
    operation,
  };
}

type Found = Violation & { request: string };

const asUnknown = ({ request }: Located): Found => ({
  request,
  direction: 'request',
  location: 'path',
  message: 'is not in the document',
});

function violationsOf(
  { request, exchange, path, operation }: Located,
  differences: readonly KnownDifference[],
): Found[] {
  if (!operation) return [];
  const read = (content: unknown) =>
    differences.reduce(
      (changed, difference) => (difference.read ? difference.read(changed) : changed),
      content,
    );
  return [
    ...requestViolations(operation, path, exchange),
    ...answerViolations(operation, exchange, read),
  ].map((violation) => ({ ...violation, request }));
}

/** Bodies for which the document allows any content, each once. Bodies of errors are left out: they may have any content. */
function uncheckedBodies(located: readonly Located[]): Found[] {
  const bodies = located.flatMap((each) =>
    (['request', 'answer'] as const).map((direction) => ({
      ...each,
      direction,
      status: each.exchange.answer.status,
    })),
  );
  const kinds = new Map(
    bodies
      .filter(({ exchange, direction, status }) => status < 400 && exchange[direction].body !== '')
      .map((body) => [`${body.request} ${body.direction} ${body.status}`, body]),
  );
  return [...kinds.values()].flatMap(({ request, exchange, path, operation, direction }) =>
    !operation || isBodyChecked(operation, path, exchange, direction)
      ? []
      : [{ request, direction, location: 'body', message: 'is not described by the document' }],
  );
}

function findingsOf(found: readonly Found[]): Finding[] {
  return [...Map.groupBy(found, (each) => JSON.stringify(each))]
    .map(([key, all]) => ({ ...(JSON.parse(key) as Found), count: all.length }))
    .sort((a, b) => b.count - a.count);
}
