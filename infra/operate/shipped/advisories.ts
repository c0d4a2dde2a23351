import * as z from 'zod';
import type { ShippedPackage } from './shipped-packages.ts';

/** What is known against a package that is shipped. */
export interface Advisory {
  package: string;
  severity: string;
  title: string;
  url: string;
}

const reportSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      /** Folders in which it is installed in a version that is concerned. */
      nodes: z.array(z.string()),
      /** Advisories, and the names of packages that it has them from. */
      via: z.array(
        z.union([z.string(), z.object({ title: z.string(), url: z.string(), severity: z.string() })]),
      ),
    }),
  ),
});

/**
 * Advisories against what is shipped; what is only installed, for tests or for the deploy, is left out.
 *
 * @param report what `npm audit --json` prints.
 * @returns undefined when the report is none: the registry did not answer.
 */
export function advisoriesAgainst(
  packages: readonly ShippedPackage[],
  report: unknown,
): Advisory[] | undefined {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) return undefined;
  return packages.flatMap(({ name, version, folder }) => {
    const { nodes, via } = parsed.data.vulnerabilities[name] ?? { nodes: [], via: [] };
    return nodes.includes(folder)
      ? via
          .filter((each) => typeof each !== 'string')
          .map(({ title, url, severity }) => ({ package: `${name} ${version}`, severity, title, url }))
      : [];
  });
}
