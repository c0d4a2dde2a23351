import { type ApiDocument, DocumentError, type OperationObject, type Schema } from './document.ts';

/** Where the API differs from its document. Everything else that differs is a finding. */
export interface KnownDifference {
  what: string;
  /** Who says so. */
  source: string;
  /**
   * Changes the document to what the API does, so that the rest is still checked.
   *
   * @returns false if the document says the same already.
   * @throws DocumentError if it has no such operation or schema.
   */
  amend?(document: ApiDocument): boolean;
  /** Changes the content of a successful answer to what the document allows. */
  read?(content: unknown): unknown;
}

/** A request that the document does not have, and who says that it is right. */
export interface UndocumentedRequest {
  /** Method and path, as in `GET /crm/rest/v2/leadSources`. */
  request: string;
  source: string;
}

const KEAP_PYTHON = 'README of keap-python 1.3.0 (PyPI), which shows requests and answers of September 2022';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    what: 'A property of an answer is null when it has no value. An id never is.',
    source: `${KEAP_PYTHON}: owner_id, middle_name, company, ScoreValue, lead_source_id, description of a tag category`,
    read: withoutNulls,
  },
  {
    what: 'The results of tags are an object of results by id, or a list of such objects.',
    source: `${KEAP_PYTHON}: {'1586': 'SUCCESS'}. The document has a list.`,
    amend(document) {
      for (const path of ['/contacts/{contactId}/tags', '/tags/{tagId}/contacts']) {
        const content = operation(document, path, 'post').responses['200']?.content?.['application/json'];
        const result = named(document, 'EntryLongString').properties?.['key'];
        if (!content || !result) throw new DocumentError(`POST ${path} has no results of tags`);
        const byId: Schema = { type: 'object', additionalProperties: result };
        content.schema = { oneOf: [byId, { type: 'array', items: byId }] };
      }
      return true;
    },
  },
  {
    what: 'The content of a custom field is a text, not an object.',
    source: `${KEAP_PYTHON}: {'id': 182, 'content': 'Some New Content Here'}`,
    amend(document) {
      const value = named(document, 'CustomFieldValue');
      value.properties = { ...value.properties, content: { type: 'string' } };
      return true;
    },
  },
  {
    what: 'A create-or-update that creates a contact answers 201.',
    source: "The vendor's integration forum, thread 82773",
    amend(document) {
      const { responses } = operation(document, '/contacts', 'put');
      if (responses['201'] || !responses['200']) return false;
      responses['201'] = structuredClone(responses['200']);
      return true;
    },
  },
  {
    what: 'A contact has last_updated_utc_millis.',
    source: `${KEAP_PYTHON}: contacts by id and in lists`,
    amend: (document) =>
      ['FullContact', 'RestPartialContact']
        .map((name) => addProperty(named(document, name), 'last_updated_utc_millis', { type: 'integer' }))
        .includes(true),
  },
  {
    what: 'A phone number has number_e164, which is read-only.',
    source: "The vendor's client keap-core-v2-sdk 2.0.26 (PyPI), PhoneNumber",
    amend: (document) =>
      addProperty(named(document, 'PhoneNumber'), 'number_e164', { type: 'string', readOnly: true }),
  },
  {
    what: 'GET /contacts/{contactId} answers a contact like PATCH, with the optional properties that the request names.',
    source: `${KEAP_PYTHON}: contact_service.get. The document of 2022 lacks it.`,
    amend({ paths }) {
      const path = paths['/contacts/{contactId}'];
      const patch = path?.['patch'];
      const optional = paths['/contacts']?.['get']?.parameters?.find(isOptionalProperties);
      if (!patch || !optional) throw new DocumentError('No PATCH of a contact, or no list of contacts');
      if (path['get']) return false;
      const inPath = patch.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
      path['get'] = structuredClone({ parameters: [...inPath, optional], responses: patch.responses });
      return true;
    },
  },
  {
    what: 'Ids and optional properties are one parameter with commas.',
    source:
      'The document itself, in the texts of DELETE /contacts/{contactId}/tags and of optional_properties; their schemas repeat the parameter instead',
    amend: ({ paths }) =>
      operationsIn(paths)
        .flatMap(({ parameters = [] }) => parameters)
        .filter(
          (parameter) =>
            parameter.explode === true && (parameter.name === 'ids' || isOptionalProperties(parameter)),
        )
        .map((parameter) => {
          parameter.explode = false;
          return true;
        })
        .includes(true),
  },
  {
    what: 'A birthday or an anniversary is removed with an empty text.',
    source:
      'None. The document has no value that removes a date, and an empty text removes the other values.',
    amend(document) {
      for (const name of ['CreateOrPatchContact', 'UpsertContact']) {
        const { properties = {} } = named(document, name);
        for (const day of ['birthday', 'anniversary']) {
          const moment = properties[day];
          if (!moment) throw new DocumentError(`${name} has no ${day}`);
          properties[day] = { anyOf: [moment, { enum: [''] }] };
        }
      }
      return true;
    },
  },
  {
    what: 'An error can have any status and any body.',
    source:
      "The vendor's integration forum and the plugin wp-fusion-lite: JSON with a message, a Java stack, HTML, or nothing, with 400, 422, 429, 5xx",
    amend({ paths }) {
      for (const { responses } of operationsIn(paths)) {
        for (const status of Object.keys(responses)) if (/^[45]/.test(status)) delete responses[status];
        responses['4XX'] = { description: 'Any error' };
        responses['5XX'] = { description: 'Any error' };
      }
      return true;
    },
  },
];

export const UNDOCUMENTED_REQUESTS: readonly UndocumentedRequest[] = [
  {
    request: 'POST /token',
    source: "The vendor's documentation of OAuth 2.0: tokens are no part of the document",
  },
  ...['GET', 'POST'].map((method) => ({
    request: `${method} /crm/rest/v2/leadSources`,
    source: "Version 2 of the API: the vendor's client keap-core-v2-sdk 2.0.26 (PyPI), LeadSourcesApi",
  })),
  ...['contacts', 'contacts/-/tags', 'emailAddresses'].map((path) => ({
    request: `GET /crm/rest/v2/${path}`,
    source:
      "Version 2 of the API: the vendor's client keap-core-v2-sdk 2.0.26 (PyPI), which reads them in test/deployment",
  })),
];

/** Removes properties that are null, except ids. */
function withoutNulls(content: unknown): unknown {
  if (Array.isArray(content)) return content.map(withoutNulls);
  if (typeof content !== 'object' || content === null) return content;
  return Object.fromEntries(
    Object.entries(content)
      .filter(([name, value]) => value !== null || name === 'id')
      .map(([name, value]) => [name, withoutNulls(value)]),
  );
}

const isOptionalProperties = ({ name }: { name: string }): boolean => name === 'optional_properties';

const operationsIn = (paths: ApiDocument['paths']): OperationObject[] =>
  Object.values(paths).flatMap((path) => Object.values(path));

function operation({ paths }: ApiDocument, path: string, method: string): OperationObject {
  const found = paths[path]?.[method];
  if (!found) throw new DocumentError(`The document has no ${method.toUpperCase()} ${path}`);
  return found;
}

function named({ components }: ApiDocument, name: string): Schema {
  const found = components.schemas[name];
  if (!found) throw new DocumentError(`The document has no schema ${name}`);
  return found;
}

function addProperty(schema: Schema, name: string, property: Schema): boolean {
  if (schema.properties?.[name]) return false;
  schema.properties = { ...schema.properties, [name]: property };
  return true;
}
