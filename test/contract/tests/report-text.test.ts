import { expect, it } from 'vitest';
import { reportText } from '../report-text.ts';

const REPORT = {
  requests: { 'PUT /contacts': 2, 'GET /tags': 1 },
  undocumented: [{ request: 'POST /token', source: 'The page about OAuth', count: 3 }],
  deprecated: ['GET /tags'],
  differences: [
    { what: 'Nulls', source: 'A forum', isNeeded: true },
    { what: 'Dates', source: 'A client', isNeeded: false },
  ],
  findings: [],
};

it('shows what was compared, with the sources of what is allowed', () => {
  expect(reportText(REPORT)).toBe(`3 requests of 2 operations, and their answers
  1 × GET /tags
  2 × PUT /contacts

Known differences between the API and the document
  Nulls
    Source: A forum
  Dates (This document says so too.)
    Source: A client

Requests that the document does not have
  3 × POST /token
    Source: The page about OAuth

Requests that the document marks as deprecated
  GET /tags

Findings
  none

✓ Nothing else differs
`);
});

it('shows each finding with its request, direction, location and number', () => {
  const finding = {
    request: 'PUT /contacts',
    direction: 'request',
    location: 'body',
    message: "must NOT have additional properties; found 'duplicate_options'",
    count: 2,
  } as const;
  const text = reportText({ ...REPORT, findings: [finding] });
  expect(text).toContain(
    "  2 × PUT /contacts request: body must NOT have additional properties; found 'duplicate_options'\n",
  );
  expect(text).toMatch(/✗ 1 finding\n$/);
});
