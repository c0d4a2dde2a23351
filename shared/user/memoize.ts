/** Most results in memory: enough for all time zones and locales. */
const MAX_RESULTS = 2000;

/**
 * Caches the results of a slow, pure function of a text. For values that many users share. A full cache is emptied, so that meaningless
 * texts cannot fill the memory.
 */
export function memoize<Result>(compute: (text: string) => Result): (text: string) => Result {
  const results = new Map<string, Result>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined || results.has(text)) return known as Result;
    const result = compute(text);
    if (results.size >= MAX_RESULTS) results.clear();
    results.set(text, result);
    return result;
  };
}
