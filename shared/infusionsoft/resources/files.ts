import { defineResource } from './define-resource.ts';
import { flag, moment, number, object, text } from './properties.ts';

/** Properties of a file, without its content. */
const descriptor = {
  category: text,
  contact_id: number,
  created_by: number,
  date_created: moment,
  download_url: text,
  file_box_type: text,
  file_name: text,
  file_size: number,
  id: number,
  last_updated: moment,
  public: flag,
  remote_file_key: text,
};

/** Files. A single read has the content (`file_data`, base64) if it is asked for. */
export const files = defineResource({
  name: 'files',
  key: 'id',
  properties: () => descriptor,
  readOnly: [
    'category',
    'created_by',
    'date_created',
    'download_url',
    'file_box_type',
    'file_size',
    'id',
    'last_updated',
    'remote_file_key',
  ],
  required: ['contact_id', 'file_association', 'file_data', 'file_name', 'is_public'],
  optional: ['file_data'],
  columns: ['id', 'file_name', 'category', 'file_size', 'contact_id', 'date_created'],
  list: {
    path: 'files',
    rows: { in: 'files' },
    paging: 'offset',
    filters: {
      viewable: ['PUBLIC', 'PRIVATE', 'BOTH'],
      permission: ['USER', 'COMPANY', 'BOTH'],
      type: [
        'Application',
        'Image',
        'Fax',
        'Attachment',
        'Ticket',
        'Contact',
        'DigitalProduct',
        'Import',
        'Hidden',
        'WebForm',
        'StyledCart',
        'ReSampledImage',
        'TemplateThumbnail',
        'Funnel',
        'LogoThumbnail',
      ],
      name: 'text',
      contact_id: 'number',
    },
  },
  get: {
    path: 'files/{fileId}',
    optional: true,
    properties: () => ({
      file_data: text,
      file_descriptor: object(descriptor),
    }),
  },
  writes: { create: 'POST files', replace: 'PUT files/{fileId}', delete: 'DELETE files/{fileId}' },
});
