import { describe, expect, it } from 'vitest';
import { requestsADay, totalOf, USUAL_SIZES } from '../../infra/cli/events/requests-a-day.ts';
import { parseConfig } from '../../infra/config.ts';
import { EVENT_KINDS, POLLED_NAMES, type PolledName, typeOf } from '../../shared/events/event-types.ts';
import { OVERLAP_MS } from '../../shared/events/watermark.ts';
import { RESOURCES } from '../../shared/infusionsoft/resources/index.ts';
import { NOT_POLLED } from '../../shared/polls/not-polled.ts';
import { type PolledResource, polledResource } from '../../shared/polls/polled-resource.ts';

const polled = POLLED_NAMES.map(polledResource);
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

const kindsOf = ({ kind }: PolledResource) => EVENT_KINDS.filter((each) => each.startsWith(`${kind}.`));

function createdBy({ date, isListed }: PolledResource): string {
  if (date === undefined) return 'full listing: a day';
  const late = isListed ? '; with an older one, by the full listing: a day' : '';
  return `\`${date}\`: \`intervalMinutes\`${late}`;
}

function changesBy({ date, isListed, overlapMs }: PolledResource): string {
  if (date === undefined) return 'full listing: a day';
  const period = overlapMs === OVERLAP_MS ? 'five minutes' : 'a day';
  return `until ${period} after \`${date}\`: \`intervalMinutes\`; later ${isListed ? 'full listing: a day' : 'never: it happens once'}`;
}

const deletionsBy = ({ isListed }: PolledResource): string =>
  isListed ? 'full listing: a day; two for a list of more than 1,000' : 'never';

function requestsOf({ date, isListed, resource }: PolledResource): string {
  const byDate = date !== undefined && 'a poll: 1, and 1 for each 1,000 since the watermark';
  const all = isListed && `a day: 1${resource.list?.paging === 'none' ? '' : ' for each 1,000 items'}`;
  return [byDate, all].filter(Boolean).join('; ');
}

const number = (value: number): string => value.toLocaleString('en');
const { contacts, optOuts, changes, items, newItems } = USUAL_SIZES;
const sizes =
  `${number(contacts)} contacts, ${number(optOuts)} addresses without marketing, ${number(changes)} changes a day, and ` +
  `${number(items)} items of each resource, ${number(newItems)} new a day`;

function requestRows(): string[] {
  const intervals = [5, 15, 60];
  const { optOutMinutes, listing } = parseConfig({ events: {} }).events ?? { optOutMinutes: 60, listing: '' };
  const of = (resources: readonly PolledName[]) =>
    intervals.map((intervalMinutes) => {
      const settings = { intervalMinutes, optOutMinutes, listing, resources: [...resources] };
      return totalOf(requestsADay(settings, USUAL_SIZES));
    });
  const base = of([]);
  const more = (names: readonly PolledName[]) => of(names).map((sum, index) => sum - (base[index] ?? 0));
  const row = (name: string, counts: readonly number[]) => `| ${[name, ...counts.map(number)].join(' | ')} |`;
  return [
    row('contacts, tags and addresses', base),
    ...POLLED_NAMES.map((name) => row(`\`${name}\``, more([name]))),
  ];
}

describe('docs/event-resources.md', () => {
  it('names every declared resource once: polled, or not and why', () => {
    expect([...POLLED_NAMES, ...Object.keys(NOT_POLLED)].toSorted()).toEqual(
      RESOURCES.map(({ name }) => name).toSorted(),
    );
  });

  it('has every kind of event of an item once', () => {
    const kinds = polled.flatMap(kindsOf);
    expect(kinds.toSorted()).toEqual(EVENT_KINDS.filter((kind) => !/^(contact|tag)\./.test(kind)).toSorted());
  });

  it('every polled resource can be listed, and one that is not listed as a whole has a date', () => {
    for (const { resource, date, isListed, createdAt } of polled) {
      expect(resource.list).toBeDefined();
      expect(isListed || (date !== undefined && date === createdAt)).toBe(true);
    }
  });

  it('is written by npm run docs', async () => {
    const page = [
      '# Resources whose changes make events',
      '',
      'Written by `npm run docs` from [shared/polls/polled-resource.ts](../shared/polls/polled-resource.ts) and the declarations of the resources.',
      'The setting `events.resources` names some of them ([events.md](events.md)). Latencies: `intervalMinutes` is the setting; a day is that of',
      '`listing`. Requests are requests to the CRM; `npx --no user-sync events --requests` adds them up.',
      '',
      '| resource | events | new items | changes | deletions | requests |',
      '| --- | --- | --- | --- | --- | --- |',
      ...polled.map(
        (each) =>
          `| \`${each.name}\` | ${code(kindsOf(each).map(typeOf))} | ${createdBy(each)} | ${changesBy(each)} | ${deletionsBy(each)} | ${requestsOf(each)} |`,
      ),
      '',
      '## Requests a day',
      '',
      `For ${sizes}, by the setting \`intervalMinutes\`, with the defaults of the other settings:`,
      '',
      '| polled | 5 | 15 | 60 |',
      '| --- | --: | --: | --: |',
      ...requestRows(),
      '',
      '## What is compared',
      '',
      'Properties as the list of the CRM shows them. A change of anything else, such as a custom field that a list does not show, makes no event.',
      'Of the contact, the user and the stage of an item, only the id is compared.',
      '',
      '| resource | properties |',
      '| --- | --- |',
      ...polled.map(({ name, compared }) => `| \`${name}\` | ${code(compared)} |`),
      '',
      '## What cannot be polled',
      '',
      '| resource | why |',
      '| --- | --- |',
      ...Object.entries(NOT_POLLED).map(([name, reason]) => `| \`${name}\` | ${reason} |`),
      '',
    ].join('\n');
    await expect(page).toMatchFileSnapshot('../../docs/event-resources.md');
  });
});
