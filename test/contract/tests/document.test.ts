import { describe, expect, it } from 'vitest';
import { DocumentError, findOperation, operationsOf, parseDocument, readDocument } from '../document.ts';

const document = (server: string, path: string) => `
openapi: 3.0.1
servers: [{ url: '${server}' }]
paths:
  ${path}: { get: { responses: { 200: { description: OK } } } }
components: { schemas: {} }
`;

describe('a document', () => {
  it.each([
    ['https://crm.example/crm/rest/', '/contacts'],
    ['https://crm.example/crm/rest/v1', '/contacts'],
    ['https://crm.example/crm/rest', '/v1/contacts'],
    ['/crm/rest/v1', '/contacts'],
  ])('of the server %s has paths of version 1', (server, path) => {
    expect(Object.keys(parseDocument(document(server, path)).paths)).toEqual(['/contacts']);
  });

  it.each([
    [
      'of another API',
      document('https://crm.example/crm/rest/v2', '/contacts'),
      /v2\/contacts is not a path of version 1/,
    ],
    [
      'of OpenAPI 3.1',
      document('https://crm.example/crm/rest', '/contacts').replace('3.0.1', '3.1.0'),
      /must be 3\.0\.x/,
    ],
    ['of Swagger', 'swagger: "2.0"\npaths: {}', /openapi/],
    ['that is not YAML', '{"openapi": ', /Not YAML or JSON/],
  ])('%s is refused', (_, text, message) => {
    expect(() => parseDocument(text)).toThrow(DocumentError);
    expect(() => parseDocument(text)).toThrow(message);
  });

  it('that does not exist is refused by its name', () => {
    expect(() => readDocument('nowhere.yml')).toThrow(new DocumentError('Cannot read nowhere.yml'));
  });
});

describe('the operation of a request', () => {
  it.each([
    ['GET', '/contacts/model', '/contacts/model'],
    ['GET', '/contacts/7', '/contacts/{contactId}'],
    ['GET', '/contacts', undefined],
    ['GET', '/contacts/', undefined],
    ['GET', '/contacts/7/tags', undefined],
    ['PUT', '/contacts/7', undefined],
  ])('%s %s is %s', async (method, path, expected) => {
    const responses = { 200: { description: 'OK' } };
    const paths = {
      '/contacts/{contactId}': { get: { responses } },
      '/contacts/model': { get: { responses } },
    };
    const operations = await operationsOf({ openapi: '3.0.1', paths, components: { schemas: {} } });
    expect(findOperation(operations, method, path)?.path).toBe(expected);
  });
});
