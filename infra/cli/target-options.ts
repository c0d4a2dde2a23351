import type { Command } from 'commander';
import type { Target } from './connect.ts';

/** What a command is told of the system it works on, and of how to answer. */
export interface TargetOptions extends Target {
  json?: true;
}

/** Adds the options that every command has that works on a system. */
export function withTarget(command: Command): Command {
  return command
    .option('--stack <name>', 'name of the stack in AWS', 'user-sync')
    .option('--local', 'the system on this machine (npm start -- --keep)')
    .option('--json', 'print it as JSON');
}
