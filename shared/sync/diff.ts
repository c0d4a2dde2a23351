import type { DesiredState } from './desired-state.ts';

/** What differs between two desired states, by name and never by value. */
export interface Diff {
  fields: string[];
  tagsAdded: string[];
  tagsRemoved: string[];
}

/** Compares what the CRM should show before and after a change. */
export function diff(before: DesiredState, after: DesiredState): Diff {
  const keys = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]) as Set<
    keyof DesiredState['fields']
  >;
  return {
    fields: [...keys].filter((key) => before.fields[key] !== after.fields[key]),
    tagsAdded: after.tags.filter((tag) => !before.tags.includes(tag)),
    tagsRemoved: before.tags.filter((tag) => !after.tags.includes(tag)),
  };
}

/** Whether the CRM would show the same. */
export function isEmpty({ fields, tagsAdded, tagsRemoved }: Diff): boolean {
  return fields.length + tagsAdded.length + tagsRemoved.length === 0;
}
