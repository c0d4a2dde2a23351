import { arnOf } from '../account.ts';
import { eventSourceMapping } from './event-source-mapping.ts';
import { lambdaFunction } from './function.ts';
import { queue } from './queue.ts';
import { meaninglessType, type ResourceType } from './resource-type.ts';
import { rotationSchedule } from './rotation-schedule.ts';
import { schedule } from './schedule.ts';
import { secret } from './secret.ts';
import { stateMachine } from './state-machine.ts';
import { table } from './table.ts';

/** All types of resources that a template may have here. A further one: a file beside this one, and a line in this table. */
export const RESOURCE_TYPES: ReadonlyMap<string, ResourceType> = new Map([
  ['AWS::DynamoDB::Table', table],
  ['AWS::Lambda::EventSourceMapping', eventSourceMapping],
  ['AWS::Lambda::Function', lambdaFunction],
  ['AWS::Scheduler::Schedule', schedule],
  ['AWS::SecretsManager::RotationSchedule', rotationSchedule],
  ['AWS::SecretsManager::Secret', secret],
  ['AWS::SQS::Queue', queue],
  ['AWS::StepFunctions::StateMachine', stateMachine],

  ['AWS::CloudWatch::Alarm', meaninglessType('nobody is to be woken up')],
  ['AWS::CloudWatch::Dashboard', meaninglessType('nobody looks at it')],
  ['AWS::IAM::Policy', meaninglessType('there is no access control')],
  [
    'AWS::IAM::Role',
    meaninglessType('there is no access control', ({ physicalName }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('iam', '', `role/${physicalName}`) },
    })),
  ],
  ['AWS::KMS::Alias', meaninglessType('data lives in memory')],
  [
    'AWS::KMS::Key',
    meaninglessType('data lives in memory', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('kms', services.region, `key/${physicalName}`) },
    })),
  ],
  ['AWS::Lambda::Permission', meaninglessType('there is no access control')],
  [
    'AWS::Logs::LogGroup',
    meaninglessType('lines go to one log', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('logs', services.region, `log-group:${physicalName}:*`) },
    })),
  ],
  ['AWS::SNS::Subscription', meaninglessType('nobody is to be woken up')],
  ['AWS::SNS::Topic', meaninglessType('nobody is to be woken up')],
  ['AWS::SNS::TopicPolicy', meaninglessType('there is no access control')],
  ['AWS::SQS::QueuePolicy', meaninglessType('there is no access control')],
]);
