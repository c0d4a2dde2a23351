import { expect, it } from 'vitest';
import { synthesizedDefinition } from '../support/backfill-definition.ts';

interface State {
  Type: string;
  Comment?: string;
  Next?: string;
  Default?: string;
  Choices?: { Next: string; Variable?: string; StringEquals?: string; IsPresent?: boolean }[];
}

/** @returns a Mermaid diagram of a definition in the Amazon States Language. */
function diagram({ StartAt, States }: { StartAt: string; States: Record<string, State> }): string {
  const names = Object.keys(States);
  const id = (name: string) => `s${names.indexOf(name)}`;
  const nodes = Object.entries(States).map(([name, { Type, Comment = '' }]) => {
    const text = `"<b>${name}</b>${Comment && `<br/>${Comment.replaceAll('"', "'")}`}"`;
    return `  ${id(name)}${Type === 'Choice' ? `{{${text}}}` : Type === 'Succeed' ? `([${text}])` : `[${text}]`}`;
  });
  const arrows = Object.entries(States).flatMap(([name, { Next, Default, Choices = [] }]) => [
    ...(Next ? [`  ${id(name)} --> ${id(Next)}`] : []),
    ...Choices.map((choice) => `  ${id(name)} -->|${choice.StringEquals ?? 'continued'}| ${id(choice.Next)}`),
    ...(Default ? [`  ${id(name)} -->|otherwise| ${id(Default)}`] : []),
  ]);
  return [
    '```mermaid',
    'flowchart TD',
    `  start((start)) --> ${id(StartAt)}`,
    ...nodes,
    ...arrows,
    '```',
    '',
  ].join('\n');
}

it('docs/backfill-states.md shows the synthesized state machine (npm run docs writes it)', async () => {
  const page = [
    '# The backfill’s state machine',
    '',
    'Written by `npm run docs` from the synthesized definition (`infra/constructs/backfill.ts`).',
    '',
    diagram(synthesizedDefinition() as unknown as Parameters<typeof diagram>[0]),
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/backfill-states.md');
}, 60_000);
