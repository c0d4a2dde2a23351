import type { Exchange } from '../recording-proxy.ts';

const HEADERS = { 'content-type': 'application/json' };

/** A request in the form `PUT /contacts`, and its answer. A body that is left out is empty. */
export function exchange(
  request: string,
  { body, status = 200, answer }: { body?: unknown; status?: number; answer?: unknown } = {},
): Exchange {
  const [method = '', url = ''] = request.split(' ');
  const text = (content: unknown) => (content === undefined ? '' : JSON.stringify(content));
  return {
    method,
    url: url.startsWith('/crm') || url === '/token' ? url : `/crm/rest/v1${url}`,
    request: { headers: HEADERS, body: text(body) },
    answer: { status, headers: answer === undefined ? {} : HEADERS, body: text(answer) },
  };
}
