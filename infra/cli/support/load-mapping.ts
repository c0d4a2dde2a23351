import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { CommandError } from './command-error.ts';

const root = new URL('../../../', import.meta.url);

/**
 * Loads a mapping of the working tree, deployed or not.
 *
 * @param path of the file, relative to the project.
 * @throws CommandError when the file does not exist, cannot be loaded or exports no mapping.
 */
export async function loadMapping(path: string): Promise<Mapping> {
  const file = resolve(root.pathname, path);
  if (!existsSync(file))
    throw new CommandError(
      `There is no file ${path}. Name the file of a mapping, such as ${DEFAULT_MAPPING}.`,
    );
  const { mapping } = await importMapping(path, file);
  if (mapping) return mapping;
  throw new CommandError(`${path} exports no mapping: export const mapping: Mapping = { … }`);
}

async function importMapping(path: string, file: string): Promise<{ mapping?: Mapping }> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new CommandError(`${path} cannot be loaded (${problem}).`, { cause: error });
  }
}

/** The default of the setting `mapping`. */
export const DEFAULT_MAPPING = 'shared/user/mapping.ts';
