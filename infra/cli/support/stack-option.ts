export const DEFAULT_STACK = 'user-sync';

/** The option of a command that names the stack; empty for the default. */
export const stackOption = (stack: string): string => (stack === DEFAULT_STACK ? '' : ` --stack ${stack}`);
