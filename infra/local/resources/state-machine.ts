import * as z from 'zod';
import { arnOf } from '../account.ts';
import { meaningless } from '../assembly/meaningless.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { LocalStateMachine } from '../state-machines/state-machine.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  StateMachineName: z.string().optional(),
  DefinitionString: z.string(),
  StateMachineType: z.literal('STANDARD').optional(),
  RoleArn: meaningless('there is no access control'),
  LoggingConfiguration: meaningless('executions are looked at through the API'),
  TracingConfiguration: meaningless('nothing is traced'),
  Tags: meaningless('no behaviour'),
});

/** `AWS::StepFunctions::StateMachine`, run by an interpreter of the States Language. */
export const stateMachine = resourceType(
  properties,
  async (machine, { logicalId, services, physicalName }) => {
    const name = machine.StateMachineName ?? physicalName;
    const arn = arnOf('states', services.region, `stateMachine:${name}`);
    try {
      const local = new LocalStateMachine({
        arn,
        name,
        definition: machine.DefinitionString,
        functionOf: (functionArn) =>
          [...services.functions.values()].find((each) => each.arn === functionArn),
      });
      services.stateMachines.set(arn, local);
    } catch (error) {
      throw new TemplateError(logicalId, error instanceof Error ? error.message : String(error));
    }
    return { ref: arn, attributes: { Arn: arn, Name: name } };
  },
);
