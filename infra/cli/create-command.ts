import { Argument, Command, Option } from 'commander';
import { runCommand } from './support/command-error.ts';
import { DEFAULT_STACK } from './support/stack-option.ts';

/** An option of a command. Its name is the key in camel case: `maxInFlight` is `--max-in-flight`. */
interface OptionDefinition {
  readonly description: string;
  /** Placeholder of the value in the help, such as `id`. An option without one is a flag. */
  readonly value?: string;
  readonly required?: true;
  readonly choices?: readonly string[];
  /** @throws InvalidArgumentError when the text is not valid. */
  readonly parse?: (text: string) => unknown;
  readonly default?: unknown;
  /** The option can be given several times; its value is a list. */
  readonly repeatable?: true;
}
type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

/** The value that a handler gets for an option. */
type OptionValue<Definition> = Definition extends { repeatable: true }
  ? readonly (Definition extends { parse: (text: string) => infer Value } ? Value : string)[]
  : Definition extends { value: string }
    ?
        | (Definition extends { choices: readonly (infer Choice)[] }
            ? Choice
            : Definition extends { parse: (text: string) => infer Value }
              ? Value
              : string)
        | (Definition extends { required: true } | { default: unknown } ? never : undefined)
    : boolean;
type OptionValues<Definitions> = { readonly [Name in keyof Definitions]: OptionValue<Definitions[Name]> };

/** Which system a command works on. `system`: the one of `--stack` or `--local`; `none`: the command has neither option. */
type TargetKind = 'system' | 'none';
type TargetValues<Kind> = Kind extends 'system'
  ? { readonly stack: string; readonly local: boolean }
  : unknown;

interface HandlerInput<Options, Kind> {
  options: OptionValues<Options> & TargetValues<Kind> & { readonly json: boolean };
  /** Positional arguments. */
  args: readonly string[];
  /** Writes the result to standard output: as one line of JSON with `--json`, as text otherwise. */
  print(result: unknown, text: () => string): void;
}

interface CommandDefinition<Options, Kind> {
  metadata: {
    /** One or two sentences at the top of `--help`. */
    description: string;
    /** Command lines after `user-sync`, each with what it does. */
    examples: readonly (readonly [commandLine: string, description: string])[];
  };
  target: Kind;
  /** Positional arguments, as commander writes them: `<name>`, `[files...]`. */
  arguments?: readonly { name: string; description: string }[];
  options: Options;
  handler(input: HandlerInput<Options, Kind>): Promise<void>;
}

/** A command without its name, which the registry or a group gives it. */
export interface CommandModule {
  build(name: string): Command;
}

const TARGET_OPTIONS = {
  stack: { value: 'name', description: 'name of the stack in AWS', default: DEFAULT_STACK },
  local: { description: 'use the system on this machine (npm start -- --keep)' },
} as const satisfies OptionDefinitions;
const JSON_OPTION = { json: { description: 'print the result as one line of JSON' } } as const;

/**
 * Declares a command of `user-sync`. {@link HandlerInput.options} is typed by the definitions.
 *
 * @example
 * export default createCommand({
 *   metadata: { description: 'Counts rejected users.', examples: [['rejected --local', 'on this machine']] },
 *   target: 'system',
 *   options: { reason: { value: 'reason', description: 'only this reason' } },
 *   async handler({ options, print }) { … },
 * });
 */
export function createCommand<const Options extends OptionDefinitions, Kind extends TargetKind>({
  metadata,
  target,
  arguments: positional = [],
  options,
  handler,
}: CommandDefinition<Options, Kind>): CommandModule {
  return {
    build(name) {
      const command = new Command(name).description(metadata.description);
      const all = { ...options, ...(target === 'system' && TARGET_OPTIONS), ...JSON_OPTION };
      for (const [key, definition] of Object.entries(all)) command.addOption(optionOf(key, definition));
      for (const { name: argument, description } of positional)
        command.addArgument(new Argument(argument, description));
      command.addHelpText('after', examplesText(metadata.examples));
      return command.action(() =>
        runCommand(() => {
          const values = command.opts();
          const print = (result: unknown, text: () => string) => {
            process.stdout.write(values['json'] ? `${JSON.stringify(result)}\n` : text());
          };
          return handler({
            options: values as HandlerInput<Options, Kind>['options'],
            args: command.args,
            print,
          });
        }),
      );
    },
  };
}

/** Declares a command with subcommands: `user-sync crm list`. */
export function createGroup({
  description,
  commands,
}: {
  description: string;
  commands: Readonly<Record<string, CommandModule>>;
}): CommandModule {
  return {
    build(name) {
      const group = new Command(name).description(description);
      for (const [each, module] of Object.entries(commands)) group.addCommand(module.build(each));
      return group;
    },
  };
}

function optionOf(key: string, definition: OptionDefinition): Option {
  const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const { value, description, choices, parse = (text: string) => text, required, repeatable } = definition;
  const option = new Option(value === undefined ? flag : `${flag} <${value}>`, description);
  if (choices) option.choices(choices);
  if (repeatable)
    return option.argParser((text, earlier: unknown[]) => [...earlier, parse(text)]).default([], 'none');
  if (definition.parse) option.argParser((text) => parse(text));
  if (required) option.makeOptionMandatory();
  return option.default(
    value === undefined ? false : definition.default,
    value === undefined ? 'off' : undefined,
  );
}

function examplesText(examples: readonly (readonly [string, string])[]): string {
  const lines = examples.map(([commandLine, what]) => [`npx --no user-sync ${commandLine}`, what] as const);
  const width = Math.max(...lines.map(([commandLine]) => commandLine.length));
  return `\nExamples:\n${lines.map(([commandLine, what]) => `  ${commandLine.padEnd(width)}  ${what}\n`).join('')}`;
}
