import { isListed, type PolledName } from '../events/event-types.ts';
import { listingKey } from './item-list.ts';
import { polledResource } from './polled-resource.ts';

/** The lists that are read in each interval, and the resources whose whole list is read, by the names under which their state is stored. */
export function polledLists(resources: readonly PolledName[]): { polls: string[]; listings: string[] } {
  const dated = resources.filter((name) => polledResource(name).date !== undefined);
  return { polls: ['contacts', 'tags', ...dated], listings: resources.filter(isListed).map(listingKey) };
}
