import { TemplateError } from './template.ts';

/** Values that a template can refer to. */
export interface References {
  /** Value of `Ref` of a resource. */
  ref(logicalId: string): Promise<string>;
  /** Value of `Fn::GetAtt` of a resource. */
  attribute(logicalId: string, name: string): Promise<string>;
  /** Pseudo parameters by name, such as `AWS::Region`. */
  pseudo: ReadonlyMap<string, string>;
}

type Resolve = (value: unknown) => Promise<unknown>;
type Intrinsic = (argument: unknown, references: References, resolve: Resolve) => Promise<unknown>;

/**
 * Replaces all intrinsic functions in a value. Removes properties whose value is `AWS::NoValue`.
 *
 * @param owner logical id of the resource, or name of the output, for messages.
 * @throws TemplateError on an unsupported or malformed intrinsic function.
 */
export async function resolveValue(owner: string, value: unknown, references: References): Promise<unknown> {
  const resolve: Resolve = async (each) => {
    if (Array.isArray(each))
      return (await Promise.all(each.map(resolve))).filter((item) => item !== undefined);
    if (typeof each !== 'object' || each === null) return each;
    const entries = Object.entries(each);
    const [[name, argument] = ['', undefined]] = entries;
    if (name === 'Ref' || name === 'Condition' || name.startsWith('Fn::')) {
      const intrinsic = entries.length === 1 ? INTRINSICS.get(name) : undefined;
      if (!intrinsic)
        throw new TemplateError(owner, `the local cloud does not support the intrinsic function ${name}`);
      return intrinsic(argument, references, resolve).catch((error: unknown) => {
        throw error instanceof MalformedIntrinsicError
          ? new TemplateError(owner, `${name}: ${error.message}`)
          : error;
      });
    }
    const resolved = await Promise.all(
      entries.map(async ([key, item]) => [key, await resolve(item)] as const),
    );
    return Object.fromEntries(resolved.filter(([, item]) => item !== undefined));
  };
  return resolve(value);
}

const INTRINSICS: ReadonlyMap<string, Intrinsic> = new Map<string, Intrinsic>([
  ['Ref', async (name, references) => (name === 'AWS::NoValue' ? undefined : refer(text(name), references))],
  [
    'Fn::GetAtt',
    async (argument, references, resolve) => {
      const [logicalId, attribute] = typeof argument === 'string' ? splitOnce(argument) : list(argument);
      return references.attribute(text(logicalId), text(await resolve(attribute)));
    },
  ],
  [
    'Fn::Join',
    async (argument, _, resolve) => {
      const [delimiter, parts] = list(argument);
      return list(await resolve(parts))
        .map(text)
        .join(text(delimiter));
    },
  ],
  [
    'Fn::Sub',
    async (argument, references, resolve) => {
      const [template, variables] = typeof argument === 'string' ? [argument, {}] : list(argument);
      const own = new Map(Object.entries((await resolve(variables)) ?? {}));
      return substitute(text(template), async (name) =>
        own.has(name) ? text(own.get(name)) : refer(name, references),
      );
    },
  ],
]);

class MalformedIntrinsicError extends Error {}

async function substitute(template: string, lookUp: (name: string) => Promise<string>): Promise<string> {
  const pieces = template.split(/(\$\{[^}]+\})/);
  const replaced = pieces.map((piece) => {
    const name = /^\$\{([^}]+)\}$/.exec(piece)?.[1];
    if (name === undefined) return piece;
    return name.startsWith('!') ? `\${${name.slice(1)}}` : lookUp(name.trim());
  });
  return (await Promise.all(replaced)).join('');
}

async function refer(name: string, references: References): Promise<string> {
  if (name.startsWith('AWS::')) {
    const value = references.pseudo.get(name);
    if (value === undefined)
      throw new MalformedIntrinsicError(`the pseudo parameter ${name} is not supported`);
    return value;
  }
  const [logicalId, attribute] = splitOnce(name);
  return attribute === undefined ? references.ref(logicalId) : references.attribute(logicalId, attribute);
}

function splitOnce(name: string): [string, string | undefined] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, undefined] : [name.slice(0, dot), name.slice(dot + 1)];
}

function text(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new MalformedIntrinsicError(`expected text, not ${JSON.stringify(value)}`);
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new MalformedIntrinsicError(`expected a list, not ${JSON.stringify(value)}`);
}
