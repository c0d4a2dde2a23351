import { describe, expect, it } from 'vitest';
import { compileEventPattern } from './event-pattern.ts';

const event = {
  eventName: 'MODIFY',
  dynamodb: {
    Keys: { userId: { S: 'user-1' } },
    NewImage: { age: { N: '7' }, tags: { SS: ['a', 'b'] }, active: { BOOL: true }, gone: { NULL: null } },
    SizeBytes: 120,
  },
};

describe('compileEventPattern', () => {
  it.each([
    ['one of several values', { eventName: ['INSERT', 'MODIFY'] }, true],
    ['none of the values', { eventName: ['INSERT', 'REMOVE'] }, false],
    [
      'a number, a boolean and null',
      { dynamodb: { SizeBytes: [120], NewImage: { active: { BOOL: [true] } } } },
      true,
    ],
    ['null', { dynamodb: { NewImage: { gone: { NULL: [null] } } } }, true],
    ['text that looks like a number', { dynamodb: { SizeBytes: ['120'] } }, false],
    ['an item of a list', { dynamodb: { NewImage: { tags: { SS: ['b'] } } } }, true],
    ['all fields', { eventName: ['MODIFY'], dynamodb: { SizeBytes: [1] } }, false],
    ['exists', { dynamodb: { Keys: { userId: { S: [{ exists: true }] } } } }, true],
    ['exists, on a node that is not a leaf', { dynamodb: { Keys: [{ exists: true }] } }, false],
    ['exists, on a missing field', { dynamodb: { OldImage: { userId: { S: [{ exists: true }] } } } }, false],
    ['does not exist', { dynamodb: { OldImage: { userId: { S: [{ exists: false }] } } } }, true],
  ])('matches %s', (_, pattern, expected) => {
    expect(compileEventPattern(JSON.stringify(pattern))(event)).toBe(expected);
  });

  it.each([
    [{ eventName: [{ wildcard: '*' }] }, /eventName.*wildcard/],
    [{ eventName: [{ prefix: 'x' }] }, /eventName.*prefix/],
    [{ $or: [{ eventName: ['x'] }] }, /\$or/],
    [{ eventName: 'MODIFY' }, /eventName must be an object or a list/],
    [{ eventName: [] }, /eventName has no alternatives/],
  ])('rejects %j', (pattern, message) => {
    expect(() => compileEventPattern(JSON.stringify(pattern))).toThrow(message);
  });
});
