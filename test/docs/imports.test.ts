import { readFileSync } from 'node:fs';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { expect, it } from 'vitest';

const { options } = JSON.parse(
  readFileSync(new URL('../../.dependency-cruiser.json', import.meta.url), 'utf8'),
);

/** `infra/cli` for infra/cli/status/figures.ts, `infra` for infra/config.ts. Helpers directly in shared/ have no place in the picture. */
function folderOf(file: string): string | undefined {
  const [, top = '', below] = /^(infra|lambdas|shared)\/(?:([^/]+)\/)?/.exec(file) ?? [];
  if (below) return `${top}/${below}`;
  return top === 'infra' ? top : undefined;
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The folders that each folder imports. */
async function importsOfFolders(): Promise<Graph> {
  const { output } = await cruise(['infra', 'lambdas', 'shared'], options);
  const graph = new Map<string, Set<string>>();
  for (const { source, dependencies } of (output as ICruiseResult).modules) {
    const from = folderOf(source);
    if (!from) continue;
    const imported = graph.get(from) ?? new Set();
    graph.set(from, imported);
    for (const { resolved } of dependencies) {
      const to = folderOf(resolved);
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
        .map((to) => `  ${from} --> ${to}`),
    )
    .toSorted();

function diagram(graph: Graph): string {
  const subgraphs = ['infra', 'lambdas', 'shared'].flatMap((top) => [
    `  subgraph ${top}-folder["${top}/"]`,
    ...[...graph.keys()]
      .filter((folder) => folder.split('/')[0] === top)
      .toSorted()
      .map((folder) => `    ${folder}["${folder === 'infra' ? 'the stack' : folder.split('/')[1]}"]`),
    '  end',
  ]);
  return ['```mermaid', 'flowchart TD', ...subgraphs, ...arrows(graph), '```'].join('\n');
}

it('docs/imports.md shows the imports between folders (npm run docs writes it)', async () => {
  const page = `# Imports between folders

Written by \`npm run docs\`. An arrow from A to B: files of A import files of B, types included. Arrows that follow from others are
left out. \`npm run check:imports\` enforces the direction by the rules in \`.dependency-cruiser.json\`.

${diagram(await importsOfFolders())}
`;
  await expect(page).toMatchFileSnapshot('../../docs/imports.md');
});
