/** Resources of small templates, that a test changes a property of. */

/** @param asset the bundle that is its code. */
export const lambda = (properties: Record<string, unknown> = {}, asset = 'code') => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: `${asset}.zip` },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    ...properties,
  },
});
export const Role = { Type: 'AWS::IAM::Role', Properties: { whatever: true } };
/** @param definition an object, or a text with references in between. */
export const stateMachine = (definition: object, properties: Record<string, unknown> = {}) => ({
  Type: 'AWS::StepFunctions::StateMachine',
  Properties: {
    DefinitionString: 'Fn::Join' in definition ? definition : JSON.stringify(definition),
    RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] },
    ...properties,
  },
});
export const invoke = (FunctionName: string, properties = {}) => ({
  StartAt: 'Go',
  States: {
    Go: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName },
      End: true,
      ...properties,
    },
  },
});
export const schedule = (Arn: unknown, properties = {}) => ({
  Type: 'AWS::Scheduler::Schedule',
  Properties: {
    ScheduleExpression: 'rate(1 day)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Arn, RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] }, Input: '{"mode":"refresh"}' },
    ...properties,
  },
});
/** A table by `id` and, where one is named, a sort key. */
export const table = (properties: Record<string, unknown> = {}, sortKey?: string) => ({
  Type: 'AWS::DynamoDB::Table',
  Properties: {
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: 'id', KeyType: 'HASH' },
      ...(sortKey ? [{ AttributeName: sortKey, KeyType: 'RANGE' }] : []),
    ],
    AttributeDefinitions: ['id', ...(sortKey ? [sortKey] : [])].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S',
    })),
    ...properties,
  },
});
export const queue = (Properties: Record<string, unknown> = {}) => ({ Type: 'AWS::SQS::Queue', Properties });
export const mapping = (Properties: Record<string, unknown>) => ({
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties,
});
