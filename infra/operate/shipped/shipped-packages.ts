import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { nameOfMetafile } from '../../metafile-name.ts';
import { packageFolders } from './metafile.ts';

/** A package of which the bundle of some function, or of their layer, holds code. */
export interface ShippedPackage {
  name: string;
  version: string;
  /** As the package itself says, mostly an SPDX expression; undefined when it says nothing that can be read. */
  licence: string | undefined;
  /** Relative to the project, as in package-lock.json. */
  folder: string;
  /** Folders of the functions under `lambdas/`, and the name of the layer. */
  shippedIn: readonly string[];
}

const packageSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional().catch(undefined),
});

/**
 * What the functions of an assembly and their layer are shipped with, by name.
 *
 * @param assembly directory of an assembly whose functions were bundled.
 * @param root of the project, where the packages are installed.
 */
export function shippedPackages(assembly: string, root: string): ShippedPackage[] {
  const shipped = readdirSync(assembly).flatMap((file) => {
    const name = nameOfMetafile(file);
    if (name === undefined) return [];
    const metafile: unknown = JSON.parse(readFileSync(join(assembly, file), 'utf8'));
    return packageFolders(metafile).map((folder) => ({ folder, name }));
  });
  return [...Map.groupBy(shipped, ({ folder }) => folder)]
    .map(([folder, of]) => {
      const manifest: unknown = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const { name, version, license } = packageSchema.parse(manifest);
      const shippedIn = [...new Set(of.map((each) => each.name))].toSorted();
      return { name, version, licence: license, folder, shippedIn };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}
