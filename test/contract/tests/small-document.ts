import { type ApiDocument, parseDocument } from '../document.ts';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const list = (items: object) => ({ type: 'array', items });
const object = (properties: object) => ({ type: 'object', properties });
const content = (schema: object) => ({ content: { 'application/json': { schema } } });
const answer = (schema: object) => ({ description: 'OK', ...content(schema) });
const integer = { type: 'integer' };
const text = { type: 'string' };
const moment = { type: 'string', format: 'date-time' };
const inPath = (name: string) => ({ name, in: 'path', required: true, schema: integer });
const repeated = (name: string, items: object) => ({
  name,
  in: 'query',
  explode: true,
  schema: list(items),
});

const contact = {
  given_name: text,
  birthday: moment,
  anniversary: moment,
  email_addresses: list(object({ field: text, email: text })),
  phone_numbers: list(ref('PhoneNumber')),
  custom_fields: list(ref('CustomFieldValue')),
};
const answered = { ...contact, id: integer, company: object({ id: integer }) };
const tagResults = { 200: answer(list(ref('EntryLongString'))) };

/** A document of a few requests, for tests. It differs from the API where the vendor's document does. */
const SMALL = {
  openapi: '3.0.1',
  servers: [{ url: 'https://crm.example/crm/rest/' }],
  paths: {
    '/contacts': {
      get: {
        parameters: [{ name: 'limit', in: 'query', schema: integer }, repeated('optional_properties', text)],
        responses: { 200: answer(object({ contacts: list(ref('RestPartialContact')), count: integer })) },
      },
      put: {
        requestBody: content(ref('UpsertContact')),
        responses: { 200: answer(ref('FullContact')) },
      },
    },
    '/contacts/model': { get: { deprecated: true, responses: { 200: answer({ type: 'object' }) } } },
    '/contacts/{contactId}': {
      patch: {
        parameters: [inPath('contactId')],
        requestBody: content(ref('CreateOrPatchContact')),
        responses: { 200: answer(ref('FullContact')), 404: answer(object({ message: text })) },
      },
    },
    '/contacts/{contactId}/tags': {
      post: {
        parameters: [inPath('contactId')],
        requestBody: content(object({ tagIds: list(integer) })),
        responses: tagResults,
      },
    },
    '/tags/{tagId}/contacts': {
      post: {
        parameters: [inPath('tagId')],
        requestBody: content(object({ ids: list(integer) })),
        responses: tagResults,
      },
      delete: {
        parameters: [inPath('tagId'), repeated('ids', integer)],
        responses: { 204: { description: 'No content' } },
      },
    },
  },
  components: {
    schemas: {
      PhoneNumber: { ...object({ field: text, number: text }), required: ['field'] },
      CustomFieldValue: object({ id: integer, content: object({}) }),
      EntryLongString: object({ key: { type: 'string', enum: ['SUCCESS', 'DUPLICATE'] } }),
      CreateOrPatchContact: object(contact),
      UpsertContact: object({
        ...contact,
        duplicate_option: { type: 'string', enum: ['Email', 'EmailAndName'] },
      }),
      FullContact: object(answered),
      RestPartialContact: object(answered),
    },
  },
};

/** A new copy: a check changes its document. */
export const smallDocument = (): ApiDocument => parseDocument(JSON.stringify(SMALL));
