/** Findings whose log is shown, and the most lines for each. */
const MAX_FINDINGS = 3;
const MAX_LINES = 60;
/** Longest line, in characters. */
const MAX_WIDTH = 500;
/** Attributes that say nothing about a user. */
const LEFT_OUT = /^(level|timestamp|service|cold_start|function_.*|sampling_rate)$/;

/**
 * What the functions logged about the users and contacts of the first findings. A run cannot be repeated exactly, so this is all that
 * explains a finding.
 *
 * @param log the log of the functions: on each line the name of a function, and its entry as JSON.
 * @returns lines to print.
 */
export function evidenceOf(findings: readonly string[], log: string): string[] {
  const entries = log.split('\n').flatMap(shortEntry);
  return findings.slice(0, MAX_FINDINGS).flatMap((finding) => {
    const names = namesIn(finding);
    const lines = entries.filter((entry) => names.some((name) => name.test(entry)));
    return [`Logged about: ${finding}`, ...lines.slice(-MAX_LINES).map((line) => line.slice(0, MAX_WIDTH))];
  });
}

/** An entry without what all have in common. None for a metric, and for a line that was cut off. */
function shortEntry(line: string): string[] {
  const begin = line.indexOf('{"level"');
  if (begin < 0 || !line.endsWith('}')) return [];
  const entry = JSON.parse(line.slice(begin)) as Record<string, unknown>;
  const rest = Object.entries(entry).filter(([name]) => !LEFT_OUT.test(name));
  return [`  ${entry['timestamp']} ${entry['service']} ${JSON.stringify(Object.fromEntries(rest))}`];
}

/** Patterns for the users and contacts that a finding names. */
function namesIn(finding: string): RegExp[] {
  const users = finding.match(/[\da-f]{8}-[\da-f-]{27}/g) ?? [];
  const contacts = [...finding.matchAll(/\bcontact (\d+)|\b(\d+) of /g)].map(
    ([, named, held]) => named ?? held,
  );
  return [
    ...users.map((id) => new RegExp(id)),
    ...contacts.map((id) => new RegExp(`"contactId":${id}\\b|/contacts/${id}\\b`)),
  ];
}
