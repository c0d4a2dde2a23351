import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

type Item = Record<string, AttributeValue>;

interface Condition {
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Item;
}

/**
 * Whether a condition of DynamoDB holds for an item: AND, OR, NOT, comparisons, and the functions that the sync uses.
 *
 * @throws Error for an expression that it cannot read.
 */
export function conditionHolds(
  {
    ConditionExpression: text,
    ExpressionAttributeNames: names = {},
    ExpressionAttributeValues: values = {},
  }: Condition,
  item: Item | undefined,
): boolean {
  if (text === undefined) return true;
  const tokens = text.match(/[()]|<>|<=|>=|[=<>]|,|[#:]?[\w.]+/g) ?? [];
  let position = 0;
  const next = (): string => tokens[position++] ?? '';
  const accept = (token: string): boolean => {
    if (tokens[position] !== token) return false;
    position++;
    return true;
  };
  const expect = (token: string): void => {
    if (!accept(token)) throw new Error(`${token} is missing in ${text}`);
  };
  const at = (path: string): AttributeValue | undefined =>
    path
      .split('.')
      .map((name) => names[name] ?? name)
      .reduce<AttributeValue | undefined>((value, name) => value?.M?.[name], { M: item ?? {} });
  const operand = (token: string): AttributeValue | undefined =>
    token.startsWith(':') ? values[token] : at(token);

  const either = (): boolean => {
    let holds = both();
    while (accept('OR')) holds = both() || holds;
    return holds;
  };
  const both = (): boolean => {
    let holds = one();
    while (accept('AND')) holds = one() && holds;
    return holds;
  };
  const one = (): boolean => {
    if (accept('NOT')) return !one();
    if (accept('(')) {
      const holds = either();
      expect(')');
      return holds;
    }
    const first = next();
    return accept('(') ? called(first) : compared(first);
  };
  const called = (name: string): boolean => {
    const value = at(next());
    const argument = accept(',') ? operand(next())?.S : undefined;
    expect(')');
    if (name === 'attribute_exists') return value !== undefined;
    if (name === 'attribute_not_exists') return value === undefined;
    if (name === 'attribute_type') return value !== undefined && argument !== undefined && argument in value;
    throw new Error(`${name} is not known`);
  };
  const compared = (first: string): boolean => {
    const [left, operator, right] = [operand(first), next(), operand(next())];
    // A comparison with an attribute that is not there does not hold; `<>` does.
    if (operator === '<>') return !isDeepStrictEqual(left, right);
    if (!left || !right) return false;
    if (operator === '=') return isDeepStrictEqual(left, right);
    if (operator === '<') return Number(left.N) < Number(right.N);
    throw new Error(`${operator} is not known`);
  };
  const holds = either();
  if (position < tokens.length) throw new Error(`${text} cannot be read from ${tokens[position]} on`);
  return holds;
}
