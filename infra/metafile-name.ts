import { basename } from 'node:path';

/**
 * Name of the file in an assembly, beside the templates, that tells what a bundle is made of.
 *
 * @param name folder of the function, under `lambdas/`, or name of the layer.
 * @param mapping file of the mapping in it: functions with the same one are bundled once.
 */
export const metafileName = (name: string, mapping?: string) =>
  `${name}${mapping === undefined ? '' : `.with.${basename(mapping, '.ts')}`}.meta.json`;

/** Name of the function or layer that a file of an assembly is about; undefined when the file is another one. */
export const nameOfMetafile = (file: string) => /^(.+?)(?:\.with\..+)?\.meta\.json$/.exec(file)?.[1];
