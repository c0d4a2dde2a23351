import { basename } from 'node:path';

/**
 * Name of the file in an assembly, beside the templates, that tells what a bundle is made of.
 *
 * @param folder of the function, under `lambdas/`.
 * @param mapping file of the mapping in it: functions with the same one are bundled once.
 */
export const metafileName = (folder: string, mapping: string) =>
  `${folder}.with.${basename(mapping, '.ts')}.meta.json`;

/** Folder of the function that a file of an assembly is about; undefined when the file is another one. */
export const folderOfMetafile = (file: string) => /^(.+?)\.with\..+\.meta\.json$/.exec(file)?.[1];
