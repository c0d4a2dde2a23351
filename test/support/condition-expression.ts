import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

type Item = Record<string, AttributeValue>;

interface Condition {
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Item;
}

/**
 * Whether a DynamoDB condition is true for an item. Supports AND, OR, NOT, and the comparisons and functions that the sync uses.
 *
 * @throws Error for any other expression.
 */
export function isConditionTrue(
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

  const or = (): boolean => {
    let isTrue = and();
    while (accept('OR')) isTrue = and() || isTrue;
    return isTrue;
  };
  const and = (): boolean => {
    let isTrue = term();
    while (accept('AND')) isTrue = term() && isTrue;
    return isTrue;
  };
  const term = (): boolean => {
    if (accept('NOT')) return !term();
    if (accept('(')) {
      const isTrue = or();
      expect(')');
      return isTrue;
    }
    const first = next();
    return accept('(') ? functionCall(first) : comparison(first);
  };
  const functionCall = (name: string): boolean => {
    const value = at(next());
    const argument = accept(',') ? operand(next())?.S : undefined;
    expect(')');
    if (name === 'attribute_exists') return value !== undefined;
    if (name === 'attribute_not_exists') return value === undefined;
    if (name === 'attribute_type') return value !== undefined && argument !== undefined && argument in value;
    throw new Error(`${name} is not supported`);
  };
  const comparison = (first: string): boolean => {
    const [left, operator, right] = [operand(first), next(), operand(next())];
    // A comparison with a missing attribute is false, apart from `<>`.
    if (operator === '<>') return !isDeepStrictEqual(left, right);
    if (!left || !right) return false;
    if (operator === '=') return isDeepStrictEqual(left, right);
    if (operator === '<') return Number(left.N) < Number(right.N);
    throw new Error(`${operator} is not supported`);
  };
  const isTrue = or();
  if (position < tokens.length) throw new Error(`Unexpected ${tokens[position]} in ${text}`);
  return isTrue;
}
