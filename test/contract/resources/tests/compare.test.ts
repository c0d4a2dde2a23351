import { describe, expect, it } from 'vitest';
import { defineResource } from '../../../../shared/infusionsoft/resources/define-resource.ts';
import { number, text } from '../../../../shared/infusionsoft/resources/properties.ts';
import { differences } from '../compare.ts';
import { type ContractDocument, readContract } from '../document.ts';
import type { Exceptions } from '../exceptions.ts';
import { readGenerated, variantsOf } from '../generated-answers.ts';

const NONE: Exceptions = { undeclared: {}, undocumented: {}, properties: {} };

/** An invented document, about lamps. @param change a change of its text. */
const documentOf = (change: (yaml: string) => string = (yaml) => yaml): ContractDocument =>
  readContract(
    change(`
openapi: 3.0.1
info: { title: Lamps, version: '1' }
servers: [{ url: 'https://lamps.local/v1' }]
paths:
  /lamps:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer } }
        - { name: offset, in: query, schema: { type: integer } }
        - { name: colour, in: query, schema: { type: string } }
      responses: { '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Lamps' } } } } }
    post:
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/NewLamp' } } } }
      responses: { '201': { description: ok } }
  /lamps/{lampId}:
    get:
      parameters: [{ name: lampId, in: path, required: true, schema: { type: integer } }]
      responses: { '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Lamp' } } } } }
components:
  schemas:
    Lamps: { type: object, properties: { lamps: { type: array, minItems: 1, items: { $ref: '#/components/schemas/Lamp' } }, count: { type: integer } } }
    Lamp: { type: object, required: [id], properties: { id: { type: integer }, colour: { type: string } } }
    NewLamp: { type: object, required: [colour], properties: { colour: { type: string } } }
`),
  );

const lamps = defineResource({
  name: 'lamps',
  key: 'id',
  properties: () => ({ id: number, colour: text }),
  readOnly: ['id'],
  required: ['colour'],
  columns: ['id'],
  list: { path: 'lamps', rows: { in: 'lamps' }, paging: 'offset', filters: { colour: 'text' } },
  get: { path: 'lamps/{lampId}' },
  writes: { create: 'POST lamps' },
});

describe('the comparison with the document', () => {
  it('finds nothing where both agree', () => {
    expect(differences([lamps], documentOf(), NONE)).toEqual([]);
  });

  it.each<[string, (yaml: string) => string, string]>([
    ['a route', (yaml) => yaml.replace('    post:', '    put:'), 'PUT lamps is not declared'],
    [
      'a declared route',
      (yaml) => yaml.replace('    post:', '    put:'),
      'POST lamps is not in the document',
    ],
    [
      'a parameter',
      (yaml) => yaml.replace('name: colour, in: query', 'name: shade, in: query'),
      'lamps?shade is a parameter that is not declared',
    ],
    [
      'a filter',
      (yaml) => yaml.replace('name: colour, in: query', 'name: shade, in: query'),
      'lamps?colour is not in the document',
    ],
    [
      'a property',
      (yaml) =>
        yaml.replace(
          'id: { type: integer }, colour',
          'id: { type: integer }, watts: { type: integer }, colour',
        ),
      'lamps.watts is not declared',
    ],
    [
      'a type',
      (yaml) => yaml.replace('properties: { id: { type: integer }', 'properties: { id: { type: string }'),
      'lamps.id is declared as number, but is string in the document',
    ],
    [
      'a part of the answer',
      (yaml) => yaml.replace('count: {', 'colours: {'),
      'lamps.colours is in the answer of the list, but not declared',
    ],
    [
      'a required property',
      (yaml) => yaml.replace('required: [colour]', 'required: []'),
      'lamps: required properties are declared as (colour), but are () in the document',
    ],
  ])('finds %s that differs', (_, change, difference) => {
    expect(differences([lamps], documentOf(change), NONE)).toContain(difference);
  });

  it('finds a property that is declared as writable but is read-only', () => {
    const open = defineResource({ ...lamps, readOnly: [] });
    expect(differences([open], documentOf(), NONE)).toEqual([
      'lamps: read-only properties are declared as (), but are (id) in the document',
    ]);
  });

  it('accepts exceptions, and names those that are not needed', () => {
    const change = (yaml: string) => yaml.replace('    post:', '    put:');
    const undeclared = { 'PUT lamps': 'nobody needs it', 'GET moon': 'it is far' };
    const undocumented = { 'POST lamps': 'seen in use' };
    expect(differences([lamps], documentOf(change), { ...NONE, undeclared, undocumented })).toEqual([
      'lamps: required properties are declared as (colour), but are () in the document',
      'GET moon is an exception that is not needed',
    ]);
  });
});

describe('reads of generated answers', () => {
  it('lose nothing, with each property missing or null', async () => {
    const { reads, variants, problems } = await readGenerated([lamps], documentOf());
    expect({ reads, problems }).toEqual({ reads: 2, problems: [] });
    expect(variants).toBeGreaterThan(reads);
  });

  it('name a value that does not fit', async () => {
    const wrong = defineResource({ ...lamps, properties: () => ({ id: number, colour: number }) });
    const { problems } = await readGenerated([wrong], documentOf());
    expect(problems.join()).toMatch(/list lamps: UnexpectedAnswerError: .*lamps\.colour/);
  });

  it('name a request that the document does not allow', async () => {
    const onlyFlags = (yaml: string) =>
      yaml.replace(
        '{ name: offset, in: query, schema: { type: integer }',
        '{ name: offset, in: query, schema: { type: boolean }',
      );
    const { problems } = await readGenerated([lamps], documentOf(onlyFlags));
    expect(problems).toHaveLength(1);
  });

  it('have variants for every property but the key', () => {
    const answer = { lamps: [{ id: 1, colour: 'red' }], count: 1 };
    expect([...variantsOf(answer, 'id')]).toEqual([
      { count: 1 },
      { ...answer, lamps: null },
      { lamps: [{ id: 1 }], count: 1 },
      { lamps: [{ id: 1, colour: null }], count: 1 },
      { lamps: answer.lamps },
      { ...answer, count: null },
    ]);
  });
});
