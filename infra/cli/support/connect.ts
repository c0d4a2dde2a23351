import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CommandError, NoStackError } from './command-error.ts';
import { readConnection } from './connection-file.ts';
import { commandWith, stackOption } from './stack-option.ts';

export interface Target {
  /** The system on this machine, run by `npm start -- --keep`. */
  local?: boolean | undefined;
  /** Name of the stack in AWS. */
  stack: string;
}

/** Outputs of the stack, see `infra/user-sync-stack.ts`. */
export interface Outputs {
  /** @throws CommandError when the stack is too old to have this output. */
  get(name: string): string;
  /** A command of this program about the same system, to be shown. @param args `redrive --dry-run` */
  command(args: string): string;
  /** Log of the functions of a system on this machine. */
  logFile?: string | undefined;
}

/**
 * Finds the system that a command works on. For one on this machine it sets environment variables of this process, so that SDK
 * clients created afterwards use it.
 *
 * @throws NoStackError when the stack does not exist; CommandError when AWS cannot be read or no system runs on this machine.
 */
export async function connect({ local, stack }: Target): Promise<Outputs> {
  if (!local) return outputsOf(stack, stackOption(stack), await stackOutputs(stack));
  const connection = readConnection();
  if (!connection)
    throw new CommandError(
      'No system runs on this machine. Start one in another terminal: npm start -- --keep',
    );
  Object.assign(process.env, connection.environment);
  return { ...outputsOf(stack, ' --local', connection.outputs), logFile: connection.logFile };
}

async function stackOutputs(StackName: string): Promise<Record<string, string>> {
  const client = new CloudFormationClient();
  try {
    const { Stacks: [found] = [] } = await client.send(new DescribeStacksCommand({ StackName }));
    return Object.fromEntries(
      (found?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
  } catch (error) {
    // "If the stack doesn't exist, a ValidationError is returned" (CloudFormation API reference, DescribeStacks).
    if (error instanceof Error && error.name === 'ValidationError')
      throw new NoStackError(
        `There is no stack ${StackName} in this account and region. Deploy it (npx --no user-sync deploy${stackOption(StackName)}), or name another with --stack.`,
        { cause: error },
      );
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `Could not read the stack ${StackName} from AWS (${problem}). Set AWS_PROFILE or access keys, and AWS_REGION.`,
      { cause: error },
    );
  }
}

function outputsOf(stack: string, option: string, outputs: Readonly<Record<string, string>>): Outputs {
  return {
    get(name) {
      const value = outputs[name];
      if (value === undefined)
        throw new CommandError(`The stack ${stack} has no output ${name}. Deploy this version of it first.`);
      return value;
    },
    command: commandWith(option),
  };
}
