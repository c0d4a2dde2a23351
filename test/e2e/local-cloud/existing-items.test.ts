import { rmSync } from 'node:fs';
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lambda, mapping, Role, table } from '../../local-cloud/fixtures/template-parts.ts';
import { writeAssembly } from '../../local-cloud/fixtures/write-assembly.ts';
import { temporaryDirectory } from '../../local-cloud/fixtures/write-bundle.ts';
import { type LocalCloud, startLocalCloud } from '../../local-cloud/local-cloud.ts';

const EXISTING = 2010;

const SEEN = `
  export const handler = async ({ Records }) => {
    for (const { dynamodb } of Records) console.log('seen ' + dynamodb.Keys.id.S);
  };`;

const TEMPLATE = {
  Resources: {
    Role,
    Seen: lambda({ Timeout: 2 }, 'seen'),
    UsersTable: table({ StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
    Stream: mapping({
      FunctionName: { Ref: 'Seen' },
      EventSourceArn: { 'Fn::GetAtt': ['UsersTable', 'StreamArn'] },
      StartingPosition: 'TRIM_HORIZON',
    }),
  },
  Outputs: { Users: { Value: { Ref: 'UsersTable' } } },
};

const directory = temporaryDirectory();
const lines: string[] = [];
let cloud: LocalCloud;

async function* existingUsers() {
  for (let index = 0; index < EXISTING; index++) yield { id: { S: `existing-${index}` } };
}

beforeAll(async () => {
  writeAssembly(directory, TEMPLATE, { seen: SEEN });
  cloud = await startLocalCloud({
    assembly: directory,
    existingItems: { Users: existingUsers() },
    log: ({ line }) => lines.push(line),
  });
});
afterAll(async () => {
  await cloud?.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('existing items of a table', () => {
  it('are in the table but not in its stream', async () => {
    const dynamodb = new DynamoDBClient(cloud.sdk('DYNAMODB'));
    const TableName = cloud.outputs['Users'] ?? '';
    const { Count } = await dynamodb.send(new ScanCommand({ TableName, Select: 'COUNT' }));
    expect(Count).toBe(EXISTING);
    await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: 'new' } } }));
    await cloud.untilIdle(30_000);
    expect(lines.filter((line) => line.includes('seen '))).toEqual([expect.stringContaining('seen new')]);
    dynamodb.destroy();
  });

  it('are rejected when the stack has no such table', async () => {
    const mistaken = startLocalCloud({ assembly: directory, existingItems: { People: [] } });
    await expect(mistaken).rejects.toThrow('no table whose logical id begins with People');
  });
});
