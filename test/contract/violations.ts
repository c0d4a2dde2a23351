import { validateInput, validateOutput } from '@stoplight/prism-http/dist/validator/index.js';
import type { Operation } from './document.ts';
import type { Exchange } from './recording-proxy.ts';

/** A part of a request or an answer that the document does not allow. */
export interface Violation {
  direction: 'request' | 'answer';
  /** Where it is: `body.addresses[].line1`, `query.limit`, `status`. Array positions and ids are left out. */
  location: string;
  message: string;
}

type Input = Parameters<typeof validateInput>[0];
type Output = Parameters<typeof validateOutput>[0];
type Content = { headers: Readonly<Record<string, string>>; body: string };

/**
 * Validates a request with Prism's validator.
 *
 * @param path relative to the paths of the document, without the query.
 */
export function requestViolations(
  operation: Operation,
  path: string,
  { method, url, request }: Exchange,
): Violation[] {
  const { searchParams } = new URL(url, 'http://any');
  const values = [...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)] as const);
  const known = new Set(operation.request?.query?.map(({ name }) => name));
  const element: Input['element'] = {
    method: method.toLowerCase() as Input['element']['method'],
    url: {
      path,
      query: Object.fromEntries(values.map(([name, all]) => [name, all.length > 1 ? all : (all[0] ?? '')])),
    },
    headers: request.headers,
    body: contentOf(request),
  };
  return [
    // Prism ignores parameters that the document does not list.
    ...values
      .filter(([name]) => !known.has(name))
      .map(([name]) => violation('request', ['query', name], 'is not in the document')),
    ...violations('request', validateInput({ resource: operation as Input['resource'], element })),
  ];
}

/**
 * Validates an answer with Prism's validator.
 *
 * @param read changes the content before it is validated.
 */
export function answerViolations(
  operation: Operation,
  { answer }: Exchange,
  read: (content: unknown) => unknown,
): Violation[] {
  const { status: statusCode, headers } = answer;
  const element: Output['element'] = { statusCode, headers, body: read(contentOf(answer)) };
  return violations('answer', validateOutput({ resource: operation as Output['resource'], element }));
}

/**
 * Whether Prism rejects a wrong body. It does not if the schema has no properties, or if it cannot compile the schema.
 */
export function isBodyChecked(
  operation: Operation,
  path: string,
  exchange: Exchange,
  direction: Violation['direction'],
): boolean {
  const wrong = { headers: { 'content-type': 'application/json' }, body: '{"not a property": true}' };
  return direction === 'request'
    ? requestViolations(operation, path, { ...exchange, request: wrong }).some(isAboutBody)
    : answerViolations(
        operation,
        { ...exchange, answer: { ...exchange.answer, ...wrong } },
        (content) => content,
      ).some(isAboutBody);
}

const isAboutBody = ({ location }: Violation): boolean => location.startsWith('body');

/** A body as Prism expects it: parsed if it is JSON, undefined if it is empty. */
function contentOf({ headers, body }: Content): unknown {
  if (body === '') return undefined;
  if (!/\bjson\b/.test(headers['content-type'] ?? '')) return body;
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return body;
    throw error;
  }
}

function violations(
  direction: Violation['direction'],
  result: ReturnType<typeof validateInput> | ReturnType<typeof validateOutput>,
): Violation[] {
  if (result._tag === 'Right') return [];
  return result.left.map(({ path = ['status'], message }) => violation(direction, path, message));
}

/** Prism's messages begin with the location. */
const LOCATION = /^(Request|Response) \w+( (property|parameter) \S+)? /;

const violation = (
  direction: Violation['direction'],
  path: readonly (string | number)[],
  message: string,
): Violation => ({
  direction,
  location: path
    .map((part) => (/^\d+$/.test(String(part)) ? '[]' : `.${part}`))
    .join('')
    .slice(1),
  message: message.replace(LOCATION, ''),
});
