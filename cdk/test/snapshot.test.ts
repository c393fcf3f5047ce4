import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { describe, it } from 'node:test';
import { Synthesized } from './support.js';

/** `npm run snapshot` writes them anew: read the difference before committing it. */
const folder = new URL('snapshot/', import.meta.url);

describe('Snapshot', () => {
  for (const [id, template] of Synthesized.under().all) {
    it(`${id} is as reviewed`, () => {
      const now = normalised(template);
      const file = new URL(`${id}.json`, folder);
      if (process.env.AURORA_GLOBAL_SNAPSHOT === 'write') {
        fs.mkdirSync(folder, { recursive: true });
        fs.writeFileSync(file, now);
      }
      assert.equal(now, fs.readFileSync(file, 'utf8'),
        'the template has changed: npm run snapshot, read the difference, commit it');
    });
  }
});

/** Without what changes with every build of the functions or names no meaning. */
function normalised(template: unknown): string {
  return JSON.stringify(template, (key, value) => (key === 'Metadata' ? undefined : value), 1)
    .replace(/[0-9a-f]{64}\.(zip|json)/g, '<asset>.$1') + '\n';
}
