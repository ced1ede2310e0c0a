import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import { withStore } from '../sandbox.ts';

/**
 * Records as wide as `extra` allows, more of them than a row group has of ordinary ones: sealing them once failed for
 * want of memory, and would have failed again with every run.
 */
const COUNT = process.env['SLMAUDIT_FAULTS'] === 'all' ? 70_000 : 8_000;

test(`${COUNT} records with an extra of 2.4 KB are sealed, and verified by record`, () =>
  withStore(async box => {
    const path = box.path('wide.ndjson');
    const out = createWriteStream(path);
    let seed = 1;
    const word = (): string => {
      seed = (seed * 48_271) % 2_147_483_647;
      return (seed * 1e9).toString(36).repeat(4);
    };
    for (let i = 0; i < COUNT; i++) {
      const extra = Object.fromEntries(Array.from({ length: 40 }, (_, k) => [`k${k}`, word()]));
      const line = JSON.stringify({ ts: 1_777_593_600 + i, ...extra });
      if (!out.write(`${line}\n`)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'close');
    const run = await box.run(['ingest', path]);
    assert.equal(run.code, 0, run.stderr);
    const checked = await box.run(['verify', '--records', '--format', 'json']);
    const { checked: counts } = JSON.parse(checked.stdout) as { checked: { records: number } };
    assert.deepEqual([checked.code, counts.records], [0, COUNT]);
  }));
