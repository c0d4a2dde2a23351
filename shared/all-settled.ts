/**
 * Waits until all have ended, also when one fails: what goes on unseen would meet whoever takes over.
 *
 * @returns all results.
 * @throws the first failure.
 */
export async function allSettled<Works extends readonly unknown[]>(works: [...Works]) {
  await Promise.allSettled(works);
  return Promise.all(works);
}
