import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import type { RotationStep } from '../../lambdas/rotate-token/rotate.ts';
import { sdkOf } from './deployed-stack.ts';

const run = promisify(execFile);
const FUNCTION = 'rotate-token';
const STEPS: readonly RotationStep[] = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

const functionSchema = z.object({
  Type: z.literal('AWS::Lambda::Function'),
  Properties: z.object({
    Code: z.object({ S3Key: z.string() }),
    Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
    Handler: z.string(),
    Runtime: z.literal('nodejs24.x'),
    Timeout: z.number(),
  }),
});

/** Rotates a secret like AWS Secrets Manager. MiniStack's RotateSecret does not call the function. */
export class Rotation {
  readonly #lambda: LambdaClient;

  private constructor(lambda: LambdaClient) {
    this.#lambda = lambda;
  }

  /**
   * Creates the rotation function of a synthesized stack on the emulator.
   *
   * @param assembly directory of the cloud assembly (`cdk.out`).
   * @param python directory of the Python executables.
   */
  static async deploy(
    environment: Record<string, string>,
    { assembly, stack, python }: { assembly: string; stack: string; python: string },
  ): Promise<Rotation> {
    const template = z
      .object({ Resources: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(`${assembly}/${stack}.template.json`, 'utf8')));
    const [, resource] =
      Object.entries(template.Resources).find(([id]) => /RotateToken[0-9A-F]{8}$/.test(id)) ?? [];
    const { Code, Environment, Handler, Runtime, Timeout } = functionSchema.parse(resource).Properties;
    const zip = `${assembly}/${FUNCTION}.zip`;
    await run(`${python}python`, ['-m', 'zipfile', '-c', zip, '.'], {
      cwd: `${assembly}/asset.${Code.S3Key.replace('.zip', '')}`,
    });
    const lambda = new LambdaClient(sdkOf(environment));
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: FUNCTION,
        Role: 'arn:aws:iam::000000000000:role/rotate-token',
        Code: { ZipFile: readFileSync(zip) },
        Environment: { Variables: z.record(z.string(), z.string()).parse(Environment.Variables) },
        Handler,
        Runtime,
        Timeout,
      }),
    );
    return new Rotation(lambda);
  }

  /** Runs the four steps, the first one twice. @throws Error with the function's error when a step fails. */
  async rotate(SecretId: string): Promise<void> {
    const ClientRequestToken = randomUUID();
    for (const Step of ['createSecret', ...STEPS]) {
      const { FunctionError, Payload } = await this.#lambda.send(
        new InvokeCommand({
          FunctionName: FUNCTION,
          Payload: JSON.stringify({ Step, SecretId, ClientRequestToken }),
        }),
      );
      if (FunctionError) throw new Error(`${Step}: ${Buffer.from(Payload ?? []).toString()}`);
    }
  }
}
