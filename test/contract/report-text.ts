import type { ContractReport, Finding } from './contract-check.ts';

/** The report as text. */
export function reportText({
  requests,
  undocumented,
  deprecated,
  differences,
  findings,
}: ContractReport): string {
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
  const sections = [
    section(
      `${total} requests of ${Object.keys(requests).length} operations, and their answers`,
      Object.entries(requests)
        .sort()
        .map(([request, count]) => `${count} × ${request}`),
    ),
    section(
      'Known differences between the API and the document',
      differences.map(
        ({ what, source, isNeeded }) =>
          `${what}${isNeeded ? '' : ' (This document says so too.)'}\n    Source: ${source}`,
      ),
    ),
    section(
      'Requests that the document does not have',
      undocumented.map(({ request, source, count }) => `${count} × ${request}\n    Source: ${source}`),
    ),
    section('Requests that the document marks as deprecated', deprecated),
    section('Findings', findings.map(findingText)),
  ];
  const { length } = findings;
  const verdict =
    length === 0 ? '✓ Nothing else differs' : `✗ ${length} ${length === 1 ? 'finding' : 'findings'}`;
  return `${sections.join('\n')}\n${verdict}\n`;
}

const findingText = ({ request, direction, location, message, count }: Finding): string =>
  `${count} × ${request} ${direction}: ${location} ${message}`;

const section = (title: string, lines: readonly string[]): string =>
  `${title}\n${(lines.length > 0 ? lines : ['none']).map((line) => `  ${line}\n`).join('')}`;
