import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { folderOfMetafile } from '../../metafile-name.ts';
import { packageFolders } from './metafile.ts';

/** A package whose code is in the bundle of at least one function. */
export interface ShippedPackage {
  name: string;
  version: string;
  /** As the package itself says, mostly an SPDX expression; undefined when it says nothing that can be read. */
  licence: string | undefined;
  /** Relative to the project, as in package-lock.json. */
  folder: string;
  /** Folders of the functions under `lambdas/`. */
  shippedIn: readonly string[];
}

const packageSchema = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional().catch(undefined),
});

/**
 * The packages in the functions of an assembly, sorted by name.
 *
 * @param assembly directory of an assembly whose functions were bundled.
 * @param root of the project, where the packages are installed.
 */
export function shippedPackages(assembly: string, root: string): ShippedPackage[] {
  const shipped = readdirSync(assembly).flatMap((file) => {
    const shippedIn = folderOfMetafile(file);
    if (shippedIn === undefined) return [];
    const metafile: unknown = JSON.parse(readFileSync(join(assembly, file), 'utf8'));
    return packageFolders(metafile).map((folder) => ({ folder, shippedIn }));
  });
  return [...Map.groupBy(shipped, ({ folder }) => folder)]
    .map(([folder, of]) => {
      const manifest: unknown = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const { name, version, license } = packageSchema.parse(manifest);
      const shippedIn = [...new Set(of.map((each) => each.shippedIn))].toSorted();
      return { name, version, licence: license, folder, shippedIn };
    })
    .toSorted((a, b) => a.name.localeCompare(b.name));
}
