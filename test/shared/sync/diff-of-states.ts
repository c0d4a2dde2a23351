import type { DesiredState } from '../../../shared/sync/desired-state.ts';
import type { Diff } from '../../../shared/sync/diff.ts';

/** What differs between two desired states, worked out in full: what `diff` is held against. */
export function diffOfStates(before: DesiredState, after: DesiredState): Diff {
  const keys = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]) as Set<
    keyof DesiredState['fields']
  >;
  return {
    fields: [...keys].filter((key) => before.fields[key] !== after.fields[key]),
    tagsAdded: after.tags.filter((tag) => !before.tags.includes(tag)),
    tagsRemoved: before.tags.filter((tag) => !after.tags.includes(tag)),
  };
}
