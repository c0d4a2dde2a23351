import { z } from 'zod';

/** Whether an event passes a filter. */
export type EventFilter = (event: unknown) => boolean;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
type Scalar = z.output<typeof scalar>;

const COMPARISONS = {
  '=': (value: number, bound: number) => value === bound,
  '<': (value: number, bound: number) => value < bound,
  '<=': (value: number, bound: number) => value <= bound,
  '>': (value: number, bound: number) => value > bound,
  '>=': (value: number, bound: number) => value >= bound,
} as const;
const comparison = z.enum(['=', '<', '<=', '>', '>=']);

const rule = z.union([
  scalar,
  z.strictObject({ prefix: z.string() }),
  z.strictObject({ suffix: z.string() }),
  z.strictObject({ exists: z.boolean() }),
  z.strictObject({ 'anything-but': z.union([scalar, z.array(scalar)]) }),
  z.strictObject({
    numeric: z.union([
      z.tuple([comparison, z.number()]),
      z.tuple([comparison, z.number(), comparison, z.number()]),
    ]),
  }),
]);
type Rule = z.output<typeof rule>;

/**
 * Compiles a pattern of Lambda's event filtering: nested fields, and at the leaves a list of alternatives, each a value,
 * or one of `prefix`, `suffix`, `exists`, `anything-but` (values) and `numeric`.
 *
 * @param pattern as JSON, as the template has it.
 * @throws when it is not JSON, or uses another operator.
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
      throw new Error(`Event pattern: the operator ${name} (in ${where}) is not known.`);
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
    throw new Error(`Event pattern: ${path.join('.')} has a rule that is not known: ${JSON.stringify(each)}`);
  });
  if (rules.length === 0) throw new Error(`Event pattern: ${path.join('.')} has no alternatives.`);
  return (actual) => rules.some((each) => passes(each, actual));
}

function passes(expected: Rule, actual: unknown): boolean {
  if (typeof expected === 'object' && expected !== null) {
    // Only leaves exist: `exists` does not see an object or a list with members (EventBridge user guide).
    if ('exists' in expected) return expected.exists === values(actual).some((value) => value !== undefined);
    return values(actual).some((value) => value !== undefined && satisfies(expected, value));
  }
  return values(actual).some((value) => value === expected);
}

function satisfies(expected: Exclude<Rule, Scalar | { exists: boolean }>, value: Scalar): boolean {
  if ('prefix' in expected) return typeof value === 'string' && value.startsWith(expected.prefix);
  if ('suffix' in expected) return typeof value === 'string' && value.endsWith(expected.suffix);
  if ('anything-but' in expected) return ![expected['anything-but']].flat().includes(value);
  if (typeof value !== 'number') return false;
  const [operator, bound, secondOperator, secondBound] = expected.numeric;
  return (
    COMPARISONS[operator](value, bound) &&
    (secondOperator === undefined ||
      secondBound === undefined ||
      COMPARISONS[secondOperator](value, secondBound))
  );
}

/** A leaf of the event as its values: a list matches when one of its items does. */
function values(actual: unknown): (Scalar | undefined)[] {
  return (Array.isArray(actual) ? actual : [actual]).map((item) => {
    const parsed = scalar.safeParse(item);
    return parsed.success ? parsed.data : undefined;
  });
}

function field(event: unknown, name: string): unknown {
  if (typeof event !== 'object' || event === null) return undefined;
  return new Map(Object.entries(event)).get(name);
}
