import * as z from 'zod';

const metafileSchema = z.object({
  outputs: z.record(
    z.string(),
    z.object({ inputs: z.record(z.string(), z.object({ bytesInOutput: z.number() })) }),
  ),
});

/** Folder of an installed package, and nothing after it: the last, where packages are nested. */
const PACKAGE_FOLDER = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

/**
 * Folders of the packages of which a bundle holds code, relative to the project: what esbuild took in and then dropped is not shipped.
 *
 * @param metafile what esbuild tells of a bundle.
 */
export function packageFolders(metafile: unknown): string[] {
  const { outputs } = metafileSchema.parse(metafile);
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
  return [...new Set(files.flatMap((file) => PACKAGE_FOLDER.exec(file) ?? []))].toSorted();
}
