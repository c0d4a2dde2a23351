import * as z from 'zod';
import { arnOf } from '../account.ts';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { LocalStateMachine } from '../state-machines/state-machine.ts';
import { targetOf } from './mapping-parts.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  StateMachineName: z.string().optional(),
  DefinitionString: z.string(),
  StateMachineType: z.literal('STANDARD').optional(),
  RoleArn: z.string(),
  EncryptionConfiguration: ignored('data lives in memory'),
  LoggingConfiguration: ignored('executions are looked at through the API'),
  TracingConfiguration: ignored('nothing is traced'),
  Tags: ignored('no behaviour'),
});

/** `AWS::StepFunctions::StateMachine`, run by an interpreter of the States Language. */
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
      functionOf: (functionName) => targetOf(functionName, context),
    });
    services.stateMachines.set(arn, local);
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw new TemplateError(logicalId, error instanceof Error ? error.message : String(error));
  }
  return { ref: arn, attributes: { Arn: arn, Name: name } };
});
