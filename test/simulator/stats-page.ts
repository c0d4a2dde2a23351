import { html } from 'hono/html';
import type { Statistics } from './statistics.ts';

/** The statistics for a person to watch: the page comes anew every two seconds. */
export function statsPage(statistics: Statistics) {
  const rows = Object.entries(statistics).map(
    ([name, value]) => html`<tr><th>${name}</th><td><pre>${JSON.stringify(value, null, 1)}</pre></td></tr>`,
  );
  return html`<!doctype html><meta charset="utf-8" /><meta http-equiv="refresh" content="2" /><title>CRM simulator</title>
    <style>body { font: 14px system-ui; margin: 2em } th { text-align: left; vertical-align: top; padding-right: 2em }</style>
    <h1>CRM simulator</h1><p><a href="/_simulator/contacts">Contacts</a></p><table>${rows}</table>`;
}
