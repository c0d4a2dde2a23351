import { describe, expect, it } from 'vitest';
import { advisoriesAgainst } from '../../../../infra/operate/shipped/advisories.ts';
import { shipped } from './shipped.ts';

const ADVISORY = {
  source: 1,
  name: 'zod',
  title: 'Denial of service',
  url: 'https://github.com/advisories/GHSA-1',
  severity: 'moderate',
  range: '<4.1.0',
};
const report = (nodes: string[], via: unknown[] = [ADVISORY]) => ({
  auditReportVersion: 2,
  vulnerabilities: {
    zod: { name: 'zod', severity: 'moderate', isDirect: true, via, effects: [], range: '<4.1.0', nodes },
  },
  metadata: {},
});

describe('advisories', () => {
  it('against what is shipped are told', () => {
    expect(advisoriesAgainst([shipped({})], report(['node_modules/zod']))).toEqual([
      {
        package: 'zod 4.0.0',
        severity: 'moderate',
        title: 'Denial of service',
        url: 'https://github.com/advisories/GHSA-1',
      },
    ]);
  });

  it('against what is only installed are not, nor against another copy of the same package', () => {
    expect(
      advisoriesAgainst([shipped({ name: 'ky', folder: 'node_modules/ky' })], report(['node_modules/zod'])),
    ).toEqual([]);
    expect(advisoriesAgainst([shipped({})], report(['node_modules/vitest/node_modules/zod']))).toEqual([]);
  });

  it('against a package by way of another are told of that other', () => {
    expect(advisoriesAgainst([shipped({})], report(['node_modules/zod'], ['tiny-parser']))).toEqual([]);
  });

  it.each([
    [
      'the error of a registry',
      { message: '405 Method Not Allowed', statusCode: 405, error: { summary: '' } },
    ],
    ['no JSON', undefined],
  ])('cannot be told from %s', (_, answer) => {
    expect(advisoriesAgainst([shipped({})], answer)).toBeUndefined();
  });
});
