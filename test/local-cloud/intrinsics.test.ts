import { describe, expect, it } from 'vitest';
import { type References, resolveValue } from './intrinsics.ts';

const references: References = {
  ref: async (logicalId) => `ref-${logicalId}`,
  attribute: async (logicalId, name) => `${logicalId}-${name}`,
  pseudo: new Map([['AWS::Region', 'eu-west-1']]),
};

describe('resolveValue', () => {
  it.each([
    ['Ref of a resource', { Ref: 'Table' }, 'ref-Table'],
    ['Ref of a pseudo parameter', { Ref: 'AWS::Region' }, 'eu-west-1'],
    ['Fn::GetAtt', { 'Fn::GetAtt': ['Table', 'StreamArn'] }, 'Table-StreamArn'],
    ['Fn::GetAtt in one string', { 'Fn::GetAtt': 'Table.Nested.Arn' }, 'Table-Nested.Arn'],
    ['Fn::Join', { 'Fn::Join': ['/', ['a', { Ref: 'B' }, 3]] }, 'a/ref-B/3'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
    ['Fn::Sub', { 'Fn::Sub': '${A}/${A.Arn}/${AWS::Region}/${!Kept}' }, 'ref-A/A-Arn/eu-west-1/${Kept}'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
    ['Fn::Sub with variables', { 'Fn::Sub': ['${Own}-${A}', { Own: { Ref: 'B' } }] }, 'ref-B-ref-A'],
    ['AWS::NoValue', { a: 1, b: { Ref: 'AWS::NoValue' } }, { a: 1 }],
    ['a plain value', { a: [true, null, { b: 'c' }] }, { a: [true, null, { b: 'c' }] }],
  ])('replaces %s', async (_, value, expected) => {
    expect(await resolveValue('Owner', value, references)).toEqual(expected);
  });

  it.each([
    ['an unsupported function', { 'Fn::ImportValue': 'x' }, /^Owner: .*Fn::ImportValue/],
    ['a condition', { Condition: 'IsProduction' }, /^Owner: .*Condition/],
    ['an unsupported pseudo parameter', { Ref: 'AWS::NotificationARNs' }, /^Owner: .*AWS::NotificationARNs/],
    ['a malformed function', { 'Fn::Join': 'x' }, /^Owner: Fn::Join: expected a list/],
    ['a list instead of text', { 'Fn::Join': ['', [['x']]] }, /^Owner: Fn::Join: expected text/],
  ])('rejects %s and names the owner', async (_, value, message) => {
    await expect(resolveValue('Owner', { deep: [value] }, references)).rejects.toThrow(message);
  });
});
