import { arnOf } from '../account.ts';
import { eventBus, eventRule } from './event-bus.ts';
import { eventSourceMapping } from './event-source-mapping.ts';
import { lambdaFunction } from './function.ts';
import { queue } from './queue.ts';
import { ignoredType, type ResourceType } from './resource-type.ts';
import { schedule } from './schedule.ts';
import { rotationSchedule, secret } from './secret.ts';
import { stateMachine } from './state-machine.ts';
import { table } from './table.ts';

/** All supported resource types. To add one, write a file beside this one and add a line here. */
export const RESOURCE_TYPES: ReadonlyMap<string, ResourceType> = new Map([
  ['AWS::DynamoDB::Table', table],
  ['AWS::Events::EventBus', eventBus],
  ['AWS::Events::Rule', eventRule],
  ['AWS::Lambda::EventSourceMapping', eventSourceMapping],
  ['AWS::Lambda::Function', lambdaFunction],
  ['AWS::Scheduler::Schedule', schedule],
  ['AWS::SecretsManager::RotationSchedule', rotationSchedule],
  ['AWS::SecretsManager::Secret', secret],
  ['AWS::SQS::Queue', queue],
  ['AWS::StepFunctions::StateMachine', stateMachine],

  ['AWS::CloudWatch::Alarm', ignoredType('there is no notification')],
  ['AWS::CloudWatch::Dashboard', ignoredType('nothing is displayed')],
  ['AWS::IAM::Policy', ignoredType('there is no access control')],
  [
    'AWS::IAM::Role',
    ignoredType('there is no access control', ({ physicalName }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('iam', '', `role/${physicalName}`) },
    })),
  ],
  ['AWS::KMS::Alias', ignoredType('nothing is encrypted')],
  [
    'AWS::KMS::Key',
    ignoredType('nothing is encrypted', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('kms', services.region, `key/${physicalName}`) },
    })),
  ],
  ['AWS::Lambda::Permission', ignoredType('there is no access control')],
  [
    'AWS::Logs::LogGroup',
    ignoredType('all lines go to one log', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('logs', services.region, `log-group:${physicalName}:*`) },
    })),
  ],
  [
    'AWS::Scheduler::ScheduleGroup',
    ignoredType('schedules do not fire', ({ physicalName, services }) => ({
      ref: physicalName,
      attributes: { Arn: arnOf('scheduler', services.region, `schedule-group/${physicalName}`) },
    })),
  ],
  ['AWS::SNS::Subscription', ignoredType('there is no notification')],
  ['AWS::SNS::Topic', ignoredType('there is no notification')],
  ['AWS::SNS::TopicPolicy', ignoredType('there is no access control')],
  ['AWS::SQS::QueuePolicy', ignoredType('there is no access control')],
]);
