import { readFileSync } from 'node:fs';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { expect, it } from 'vitest';

const { options } = JSON.parse(
  readFileSync(new URL('../../.dependency-cruiser.json', import.meta.url), 'utf8'),
);

/** The node of a file in the picture: its folder, or a file directly in infra/ by itself. Those directly in shared/ are left out. */
function nodeOf(file: string): string | undefined {
  return /^(infra\/[^/]+\.ts|(infra|lambdas|shared)\/[^/]+(?=\/))/.exec(file)?.[0];
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The nodes that each node imports. */
async function importGraph(): Promise<Graph> {
  const { output } = await cruise(['infra', 'lambdas', 'shared'], options);
  const graph = new Map<string, Set<string>>();
  for (const { source, dependencies } of (output as ICruiseResult).modules) {
    const from = nodeOf(source);
    if (!from) continue;
    const imported = graph.get(from) ?? new Set();
    graph.set(from, imported);
    for (const { resolved } of dependencies) {
      const to = nodeOf(resolved);
      if (to && to !== from) imported.add(to);
    }
  }
  return graph;
}

function reaches(graph: Graph, from: string, to: string, seen = new Set<string>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...(graph.get(from) ?? [])].some((next) => reaches(graph, next, to, seen));
}

/** The arrows without those that follow from others: no a → c beside a → b → c. */
const arrows = (graph: Graph): string[] =>
  [...graph]
    .flatMap(([from, imported]) =>
      [...imported]
        .filter((to) => ![...imported].some((other) => other !== to && reaches(graph, other, to)))
        .map((to) => `  ${idOf(from)} --> ${idOf(to)}`),
    )
    .toSorted();

function diagram(graph: Graph): string {
  const subgraphs = ['infra', 'lambdas', 'shared'].flatMap((top) => [
    `  subgraph ${top}["${top}/"]`,
    ...[...graph.keys()]
      .filter((node) => node.startsWith(`${top}/`))
      .toSorted()
      .map((node) => `    ${idOf(node)}["${node.slice(top.length + 1)}"]`),
    '  end',
  ]);
  return ['```mermaid', 'flowchart TD', ...subgraphs, ...arrows(graph), '```'].join('\n');
}

const idOf = (node: string): string => node.replaceAll(/[^a-z]/g, '_');

it('docs/imports.md shows the imports between folders (npm run docs writes it)', async () => {
  const page = `# Imports between folders

Written by \`npm run docs\`. An arrow from A to B: files of A import files of B, types included. Arrows that follow from others are
left out. \`npm run check:imports\` enforces the direction by the rules in \`.dependency-cruiser.json\`.

${diagram(await importGraph())}
`;
  await expect(page).toMatchFileSnapshot('../../docs/imports.md');
});
