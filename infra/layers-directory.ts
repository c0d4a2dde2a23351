/** Where the files of layers are in a function (Lambda developer guide, "Layer paths for each Lambda runtime"). */
export const LAYERS_DIRECTORY = '/opt';
