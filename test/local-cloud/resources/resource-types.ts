import { arnOf } from '../account.ts';
import { eventSourceMapping } from './event-source-mapping.ts';
import { lambdaFunction } from './function.ts';
import { queue } from './queue.ts';
import { ignoredType, type ResourceType } from './resource-type.ts';
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

  ['AWS::CloudWatch::Alarm', ignoredType('nobody is to be woken up')],
  ['AWS::CloudWatch::Dashboard', ignoredType('nobody looks at it')],
  ['AWS::IAM::Policy', ignoredType('there is no access control')],
  [
    'AWS::IAM::Role',
    ignoredType('there is no access control', ({ physicalName }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('iam', '', `role/${physicalName}`) },
    })),
  ],
  ['AWS::KMS::Alias', ignoredType('data lives in memory')],
  [
    'AWS::KMS::Key',
    ignoredType('data lives in memory', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('kms', services.region, `key/${physicalName}`) },
    })),
  ],
  ['AWS::Lambda::Permission', ignoredType('there is no access control')],
  [
    'AWS::Logs::LogGroup',
    ignoredType('lines go to one log', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('logs', services.region, `log-group:${physicalName}:*`) },
    })),
  ],
  ['AWS::SNS::Subscription', ignoredType('nobody is to be woken up')],
  ['AWS::SNS::Topic', ignoredType('nobody is to be woken up')],
  ['AWS::SNS::TopicPolicy', ignoredType('there is no access control')],
  ['AWS::SQS::QueuePolicy', ignoredType('there is no access control')],
]);
