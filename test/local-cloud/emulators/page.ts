import { ServiceError } from './aws-json-service.ts';

export interface PageRequest {
  maxResults?: number | undefined;
  nextToken?: string | undefined;
  /** Newest first. */
  reverseOrder?: boolean | undefined;
}

/** Results of a page that does not say how many (Step Functions API reference). */
const DEFAULT_RESULTS = 100;

/**
 * A page of a list that only grows at its end. A token is a position, so that no page repeats or leaves out what the one
 * before had, even if the list has grown meanwhile.
 *
 * @returns positions within the list.
 * @throws ServiceError `InvalidToken`.
 */
export function pageOf(
  length: number,
  { maxResults, nextToken, reverseOrder = false }: PageRequest,
): { positions: number[]; nextToken?: string } {
  const first = nextToken === undefined ? (reverseOrder ? length - 1 : 0) : Number(nextToken);
  if (nextToken !== undefined && !(Number.isInteger(first) && first >= 0 && first < length))
    throw new ServiceError('InvalidToken', `Invalid Token: '${nextToken}'`);
  const available = reverseOrder ? first + 1 : length - first;
  const count = Math.min(available, maxResults || DEFAULT_RESULTS);
  const positions = Array.from({ length: count }, (_, index) =>
    reverseOrder ? first - index : first + index,
  );
  const next = reverseOrder ? first - count : first + count;
  return { positions, ...(count < available && { nextToken: String(next) }) };
}
