import { describe, expect, it } from 'vitest';
import { failedItems } from './event-source.ts';

const ids = ['1', '2', '3'];

describe('failedItems', () => {
  it.each([
    ['no response', undefined],
    ['null', null],
    ['an empty response', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['null for a list', { batchItemFailures: null }],
  ])('treats %s as success', (_, response) => {
    expect(failedItems(response, ids)).toEqual(new Set());
  });

  it('returns the reported records', () => {
    const response = { batchItemFailures: [{ itemIdentifier: '3' }, { itemIdentifier: '2' }] };
    expect(failedItems(response, ids)).toEqual(new Set(['2', '3']));
  });

  it.each([
    ['an unknown id', { batchItemFailures: [{ itemIdentifier: '2' }, { itemIdentifier: '4' }] }],
    ['an empty id', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['no id', { batchItemFailures: [{ id: '2' }] }],
    ['an id that is not text', { batchItemFailures: [{ itemIdentifier: 2 }] }],
    ['no list', { batchItemFailures: 'all' }],
    ['text', 'done'],
  ])('treats %s as a failure of the whole batch', (_, response) => {
    expect(failedItems(response, ids)).toEqual(new Set(ids));
  });
});
