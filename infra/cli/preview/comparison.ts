import { tagIds } from '../../../shared/infusionsoft/catalog/catalog.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { shownByStatus } from '../../../shared/sync/consent.ts';
import { CONSENT } from '../../../shared/sync/diff.ts';
import { managedFields, managedTags } from '../../../shared/user/define-mapping.ts';
import type { Warning } from '../../../shared/user/read-user.ts';
import { textTable } from '../support/text-table.ts';
import { currentValue } from './contact-values.ts';
import type { PreviewContext, UserPreview } from './preview-user.ts';
import { namesOf } from './summary.ts';

/** The current and the desired state of a user in the CRM, and the requests that change one into the other. */
export interface Comparison {
  userId: string;
  contactId: number | null;
  /** The time of the desired state, in ISO 8601. */
  at: string;
  fields: { field: string; current: string | null; desired: string | null }[];
  tags: { tag: string; current: boolean; desired: boolean }[];
  requests: { method: string; route: string; what: string[] }[];
  warnings: readonly Warning[];
  rejected: string | null;
  postponed: string | null;
}

const OPTED_IN = 'opted in';

/** Whether the contact's first email is opted in. */
const currentConsent = (contact: Contact | undefined): string | null =>
  shownByStatus(contact?.['email_status']) === 'opted-in' ? OPTED_IN : null;

/** Compares a contact with a preview. */
export function compare(
  userId: string,
  contact: Contact | undefined,
  { desired: state, requests, rejected, postponed }: UserPreview,
  context: PreviewContext,
): Comparison {
  const { mapping, catalog, now } = context;
  const names = namesOf(context);
  const desiredFields: Readonly<Record<string, string>> = state.fields;
  const currentTags = new Set(contact?.tag_ids ?? []);
  return {
    userId,
    contactId: contact?.id ?? null,
    at: new Date(now).toISOString(),
    fields: [
      ...[...managedFields(mapping)].map((field) => ({
        field,
        current: (contact && currentValue(contact, field, desiredFields[field], catalog)) ?? null,
        desired: desiredFields[field] ?? null,
      })),
      { field: CONSENT, current: currentConsent(contact), desired: state.consent ? OPTED_IN : null },
    ].filter(({ current, desired }) => current !== null || desired !== null),
    tags: managedTags(mapping)
      .map((tag) => ({
        tag,
        current: tagIds(catalog, [tag]).some((id) => currentTags.has(id)),
        desired: state.tags.includes(tag),
      }))
      .filter(({ current, desired }) => current || desired),
    requests: requests.map(({ method, route, body }) => ({
      method,
      route,
      what: !body
        ? []
        : 'opted_in' in body
          ? [body.opted_in ? OPTED_IN : 'opted out']
          : 'tagIds' in body
            ? (body.tagIds as readonly number[]).map((id) => names.tag(id))
            : names.fields(body),
    })),
    warnings: state.warnings,
    rejected: rejected ?? null,
    postponed: postponed ?? null,
  };
}

/** Formats the comparison for a terminal. */
export function comparisonText({
  userId,
  contactId,
  at,
  fields,
  tags,
  requests,
  warnings,
  rejected,
  postponed,
}: Comparison): string {
  const mark = (differs: boolean) => (differs ? '≠' : '');
  const on = (isOn: boolean) => (isOn ? 'on' : '–');
  const lines = [
    `User ${userId}, ${contactId === null ? 'no contact in the CRM yet' : `contact ${contactId}`}, at ${at}\n`,
    textTable(
      ['', 'field', 'current', 'desired'],
      fields.map(({ field, current, desired }) => [
        mark(current !== desired),
        field,
        current ?? '–',
        desired ?? '–',
      ]),
    ),
    textTable(
      ['', 'tag', 'current', 'desired'],
      tags.map(({ tag, current, desired }) => [mark(current !== desired), tag, on(current), on(desired)]),
    ),
    ...warnings.map(({ field, problem }) => `  ${field}: ${problem}\n`),
    rejected === null ? '' : `  ✗ Rejected: ${rejected}\n`,
    postponed === null ? '' : `  Postponed: ${postponed}\n`,
    `Requests: ${requests.length}\n`,
    ...requests.map(({ method, route, what }) => `  ${method} ${route}  ${what.join(', ')}\n`),
  ];
  return lines.join('');
}
