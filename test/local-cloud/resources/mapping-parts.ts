import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { compileEventPattern, type EventFilter } from '../event-sources/event-pattern.ts';
import type { ResourceContext } from './resource-type.ts';

const filterCriteria = z
  .strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) })
  .optional();

/** What mappings of queues and of streams have in common. */
export const mappingProperties = {
  FunctionName: z.string(),
  EventSourceArn: z.string(),
  Enabled: z.boolean().default(true),
  MaximumBatchingWindowInSeconds: z.number().min(0).max(300).default(0),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  FilterCriteria: filterCriteria,
  Tags: ignored('no behaviour'),
};

/** The resource that other resources see. */
export function newMapping() {
  const id = randomUUID();
  return { ref: id, attributes: { Id: id } };
}

/** The function that a mapping names, by name or ARN. @throws TemplateError when it is not in the template. */
export function targetOf(functionName: string, { logicalId, services }: ResourceContext) {
  const target = [...services.functions.values()].find(
    ({ name, arn }) => name === functionName || arn === functionName,
  );
  if (!target) throw new TemplateError(logicalId, `the function ${functionName} is not in this template`);
  return target;
}

/** The queue of an ARN. @throws TemplateError when it is not in the template. */
export function queueOf(arn: string, { logicalId, services }: ResourceContext) {
  const queue = services.queues.get(arn);
  if (!queue) throw new TemplateError(logicalId, `the queue ${arn} is not in this template`);
  return queue;
}

/** Whether a record passes one of the filters, or there is none. @throws TemplateError on an operator that is not known. */
export function filterOf(criteria: z.output<typeof filterCriteria>, logicalId: string): EventFilter {
  const filters = criteria?.Filters.map(({ Pattern }) => {
    try {
      return compileEventPattern(Pattern);
    } catch (error) {
      throw new TemplateError(logicalId, error instanceof Error ? error.message : String(error));
    }
  });
  return (event) => !filters?.length || filters.some((passes) => passes(event));
}
