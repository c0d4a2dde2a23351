import * as z from 'zod';
import { arnOf } from '../account.ts';
import { LocalStateMachine } from '../state-machines/state-machine.ts';
import { ignored, TemplateError } from '../template.ts';
import { findFunction } from './function.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  StateMachineName: z.string().optional(),
  DefinitionString: z.string(),
  StateMachineType: z.literal('STANDARD').optional(),
  RoleArn: z.string(),
  EncryptionConfiguration: ignored('nothing is encrypted'),
  LoggingConfiguration: ignored('executions are inspected through the API'),
  TracingConfiguration: ignored('there is no X-Ray'),
  Tags: ignored('no effect on behaviour'),
});

/** `AWS::StepFunctions::StateMachine`, run by an interpreter of the Amazon States Language. */
export const stateMachine = resourceType(properties, async (machine, context) => {
  const { logicalId, services, physicalName } = context;
  const name = machine.StateMachineName ?? physicalName;
  const arn = arnOf('states', services.region, `stateMachine:${name}`);
  try {
    const local = new LocalStateMachine({
      arn,
      name,
      roleArn: machine.RoleArn,
      definition: machine.DefinitionString,
      waitScale: services.waitScale,
      functionOf: (functionName) => findFunction(functionName, context),
    });
    services.stateMachines.set(arn, local);
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw new TemplateError(logicalId, error instanceof Error ? error.message : String(error));
  }
  return { ref: arn, attributes: { Arn: arn, Name: name } };
});
