import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LAYERS_DIRECTORY } from '../../layers-directory.ts';

/**
 * Where a file that a function finds under /opt is on this machine. Where several layers have it, the last counts (Lambda developer guide,
 * "Adding layers to functions").
 *
 * @param layers directories with their files.
 * @returns undefined when none has it, and for what is not under /opt.
 */
export function findInLayers(path: string, layers: readonly string[]): string | undefined {
  const below = `${LAYERS_DIRECTORY}/`;
  if (!path.startsWith(below)) return undefined;
  const places = layers.map((layer) => join(layer, path.slice(below.length)));
  return places.findLast((place) => existsSync(place));
}
