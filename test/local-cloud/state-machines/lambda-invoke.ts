import { InvocationError, ThrottledError } from '../lambda/invocation-error.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import type { Json } from './json.ts';
import { StatesError } from './states-error.ts';

/**
 * `arn:aws:states:::lambda:invoke`: invokes a function, and answers and fails as the integration does. An invocation that
 * ran out of time fails as `Sandbox.Timedout`, as newer runtimes report it (Step Functions developer guide, "Error names").
 *
 * @throws StatesError by the error type of what the function threw.
 */
export async function lambdaInvoke(target: LambdaFunction, payload: unknown): Promise<Json> {
  try {
    const returned: unknown = await target.invoke(payload);
    return { ExecutedVersion: '$LATEST', Payload: toJson(returned), StatusCode: 200 };
  } catch (error) {
    if (error instanceof InvocationError)
      throw new StatesError(error.response.errorType, JSON.stringify(error.response));
    if (error instanceof ThrottledError)
      throw new StatesError('Lambda.TooManyRequestsException', error.message);
    throw error;
  }
}

const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));
