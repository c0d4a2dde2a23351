import { z } from 'zod';

/** Whether an event passes a filter. */
export type EventFilter = (event: unknown) => boolean;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
type Scalar = z.output<typeof scalar>;
const rule = z.union([scalar, z.strictObject({ exists: z.boolean() })]);

/**
 * Compiles a pattern of Lambda's event filtering: nested fields, and at each leaf a list of alternatives. An alternative is a
 * value or `{"exists": true | false}`.
 *
 * @param pattern JSON, as in the template.
 * @throws Error when it is not JSON or uses another operator.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
export function compileEventPattern(pattern: string): EventFilter {
  return compileFields(JSON.parse(pattern), []);
}

function compileFields(pattern: unknown, path: readonly string[]): EventFilter {
  const fields = z.record(z.string(), z.unknown()).safeParse(pattern);
  const where = path.join('.') || 'the pattern';
  if (!fields.success) throw new Error(`Event pattern: ${where} must be an object or a list.`);
  const filters = Object.entries(fields.data).map(([name, expected]): EventFilter => {
    if (name.startsWith('$'))
      throw new Error(`Event pattern: the operator ${name} (in ${where}) is not supported.`);
    const inner = Array.isArray(expected)
      ? compileLeaf(expected, [...path, name])
      : compileFields(expected, [...path, name]);
    return (event) => inner(field(event, name));
  });
  return (event) => filters.every((passes) => passes(event));
}

function compileLeaf(expected: readonly unknown[], path: readonly string[]): EventFilter {
  const rules = expected.map((each) => {
    const parsed = rule.safeParse(each);
    if (parsed.success) return parsed.data;
    throw new Error(`Event pattern: ${path.join('.')} has an unsupported rule: ${JSON.stringify(each)}`);
  });
  if (rules.length === 0) throw new Error(`Event pattern: ${path.join('.')} has no alternatives.`);
  return (actual) => rules.some((each) => matches(each, actual));
}

function matches(expected: z.output<typeof rule>, actual: unknown): boolean {
  const values = leafValues(actual);
  if (typeof expected !== 'object' || expected === null) return values.includes(expected);
  // `exists` applies to leaves only, not to objects (EventBridge user guide).
  return expected.exists === values.some((value) => value !== undefined);
}

/** Values of a leaf. A list matches when one of its items does. */
function leafValues(actual: unknown): (Scalar | undefined)[] {
  return (Array.isArray(actual) ? actual : [actual]).map((item) => scalar.safeParse(item).data);
}

function field(event: unknown, name: string): unknown {
  if (typeof event !== 'object' || event === null) return undefined;
  return new Map(Object.entries(event)).get(name);
}
