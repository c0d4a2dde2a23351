import { basename } from 'node:path';

/**
 * Name of esbuild's metafile of a bundle, in the assembly beside the templates.
 *
 * @param folder of the function, under `lambdas/`.
 * @param mapping file of the mapping in the bundle: functions with the same one are bundled once.
 */
export const metafileName = (folder: string, mapping: string) =>
  `${folder}.with.${basename(mapping, '.ts')}.meta.json`;

/** Folder of the function whose metafile this is; undefined for any other file of an assembly. */
export const folderOfMetafile = (file: string) => /^(.+?)\.with\..+\.meta\.json$/.exec(file)?.[1];
