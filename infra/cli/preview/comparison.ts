import { tagId } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { managedFields, managedTags } from '../../../shared/user/define-mapping.ts';
import type { Warning } from '../../../shared/user/read-user.ts';
import { textTable } from '../text-table.ts';
import type { PreviewContext, UserPreview } from './preview-user.ts';
import { shownValue } from './shown-contact.ts';
import { namesOf } from './summary.ts';

/** What the CRM shows of a user beside what it should show, and the requests between the two. */
export interface Comparison {
  userId: string;
  contactId: number | null;
  /** The moment that it is about, in ISO 8601. */
  at: string;
  fields: { field: string; shown: string | null; wanted: string | null }[];
  tags: { tag: string; shown: boolean; wanted: boolean }[];
  requests: { method: string; route: string; what: string[] }[];
  warnings: readonly Warning[];
  rejected: string | null;
}

/** The CRM does not tell it, so it is only shown where it would be written. */
const NOT_TOLD = 'opt_in_reason';

/** Puts a preview beside the contact. */
export function compare(
  userId: string,
  contact: Contact | undefined,
  { desired, requests, rejected }: UserPreview,
  context: PreviewContext,
): Comparison {
  const { mapping, catalog, now } = context;
  const names = namesOf(context);
  const wanted: Readonly<Record<string, string>> = desired.fields;
  const held = new Set(contact?.tag_ids ?? []);
  return {
    userId,
    contactId: contact?.id ?? null,
    at: new Date(now).toISOString(),
    fields: [...managedFields(mapping)]
      .filter((field) => field !== NOT_TOLD)
      .map((field) => ({
        field,
        shown: (contact && shownValue(contact, field, wanted[field], catalog)) ?? null,
        wanted: wanted[field] ?? null,
      }))
      .filter(({ shown, wanted }) => shown !== null || wanted !== null),
    tags: managedTags(mapping)
      .map((tag) => ({
        tag,
        shown: held.has(tagId(catalog, tag)),
        wanted: desired.tags.includes(tag),
      }))
      .filter(({ shown, wanted }) => shown || wanted),
    requests: requests.map(({ method, route, body }) => ({
      method,
      route,
      what: !body
        ? []
        : 'tagIds' in body
          ? (body.tagIds as readonly number[]).map((id) => names.tag(id))
          : names.fields(body),
    })),
    warnings: desired.warnings,
    rejected: rejected ?? null,
  };
}

/** The comparison for a terminal. */
export function comparisonText({
  userId,
  contactId,
  at,
  fields,
  tags,
  requests,
  warnings,
  rejected,
}: Comparison): string {
  const mark = (differs: boolean) => (differs ? '≠' : '');
  const on = (held: boolean) => (held ? 'on' : '–');
  const lines = [
    `User ${userId}, ${contactId === null ? 'no contact in the CRM yet' : `contact ${contactId}`}, at ${at}\n`,
    textTable(
      ['', 'field', 'the CRM shows', 'it should show'],
      fields.map(({ field, shown, wanted }) => [mark(shown !== wanted), field, shown ?? '–', wanted ?? '–']),
    ),
    textTable(
      ['', 'tag', 'the CRM shows', 'it should show'],
      tags.map(({ tag, shown, wanted }) => [mark(shown !== wanted), tag, on(shown), on(wanted)]),
    ),
    ...warnings.map(({ field, problem }) => `  ${field}: ${problem}\n`),
    rejected === null ? '' : `  ✗ The CRM would not get this user: ${rejected}\n`,
    `Requests that the sync would make: ${requests.length}\n`,
    ...requests.map(({ method, route, what }) => `  ${method} ${route}  ${what.join(', ')}\n`),
  ];
  return lines.join('');
}
