/** Headers of one connection, which a proxy does not forward. */
const CONNECTION_HEADERS = ['host', 'connection', 'content-length', 'content-encoding', 'transfer-encoding'];

/** The headers that a proxy forwards. */
export function withoutConnection(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of CONNECTION_HEADERS) kept.delete(name);
  return kept;
}
