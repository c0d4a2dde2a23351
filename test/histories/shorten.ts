import type { History } from './history.ts';

/** Leaves out every step and option without which the history still fails. */
export async function shorten(
  failing: History,
  fails: (candidate: History) => Promise<boolean>,
): Promise<History> {
  for (const index of failing.steps.keys()) {
    const candidate = { ...failing, steps: failing.steps.toSpliced(index, 1) };
    if (await fails(candidate)) return shorten(candidate, fails);
  }
  for (const name of Object.keys(failing.options) as (keyof History['options'])[]) {
    const { [name]: _, ...options } = failing.options;
    if (await fails({ ...failing, options })) return shorten({ ...failing, options }, fails);
  }
  return failing;
}
