import { describe, expect, it } from 'vitest';
import { compileEventPattern } from './event-sources/event-pattern.ts';

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
    ['all fields at once', { eventName: ['MODIFY'], dynamodb: { SizeBytes: [1] } }, false],
    ['prefix', { dynamodb: { Keys: { userId: { S: [{ prefix: 'user-' }] } } } }, true],
    ['prefix of something else', { dynamodb: { Keys: { userId: { S: [{ prefix: 'lead-' }] } } } }, false],
    ['suffix', { dynamodb: { Keys: { userId: { S: [{ suffix: '-1' }] } } } }, true],
    ['exists', { dynamodb: { Keys: { userId: { S: [{ exists: true }] } } } }, true],
    ['exists, of a node that is no leaf', { dynamodb: { Keys: [{ exists: true }] } }, false],
    ['exists, of nothing', { dynamodb: { OldImage: { userId: { S: [{ exists: true }] } } } }, false],
    ['does not exist', { dynamodb: { OldImage: { userId: { S: [{ exists: false }] } } } }, true],
    ['anything-but a value', { eventName: [{ 'anything-but': 'REMOVE' }] }, true],
    ['anything-but a list', { eventName: [{ 'anything-but': ['MODIFY', 'REMOVE'] }] }, false],
    ['anything-but, of nothing', { nothing: [{ 'anything-but': 'x' }] }, false],
    ['a range of numbers', { dynamodb: { SizeBytes: [{ numeric: ['>', 100, '<=', 120] }] } }, true],
    ['a bound', { dynamodb: { SizeBytes: [{ numeric: ['<', 120] }] } }, false],
    ['numbers only', { dynamodb: { NewImage: { age: { N: [{ numeric: ['=', 7] }] } } } }, false],
  ])('matches %s', (_, pattern, expected) => {
    expect(compileEventPattern(JSON.stringify(pattern))(event)).toBe(expected);
  });

  it.each([
    [{ eventName: [{ wildcard: '*' }] }, /eventName.*wildcard/],
    [{ eventName: [{ 'anything-but': { prefix: 'x' } }] }, /eventName/],
    [{ $or: [{ eventName: ['x'] }] }, /\$or/],
    [{ eventName: 'MODIFY' }, /eventName must be an object or a list/],
    [{ eventName: [] }, /eventName has no alternatives/],
  ])('refuses %j', (pattern, message) => {
    expect(() => compileEventPattern(JSON.stringify(pattern))).toThrow(message);
  });
});
