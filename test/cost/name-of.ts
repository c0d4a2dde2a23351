import type { LocalCloud } from '../local-cloud/local-cloud.ts';

/** The name of a function, by a part of it. @throws Error if there is none. */
export function nameOf(cloud: LocalCloud, part: string): string {
  const name = Object.keys(cloud.statistics().functions).find((each) => each.includes(part));
  if (name === undefined) throw new Error(`There is no function ${part}`);
  return name;
}
