import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMac } from '../../src/keys/hash.ts';
import { Detector } from '../../src/normalize/detect.ts';
import { createNormalizer } from '../../src/normalize/normalize.ts';
import { COLUMNS } from '../../src/record/schema.ts';

/** Lines of the writers themselves, which are not ours to keep: SLMAUDIT_REAL_DATA names a folder with `formats` in it. */
const folder = process.env['SLMAUDIT_REAL_DATA'];
const files = folder === undefined ? [] : readdirSync(join(folder, 'formats')).sort();

if (files.length === 0) test('real lines: SLMAUDIT_REAL_DATA is not set', { skip: true });

for (const name of files) {
  test(`real lines: ${name}`, t => {
    const lines = readFileSync(join(folder!, 'formats', name), 'utf8')
      .split('\n')
      .slice(0, -1);
    const detector = new Detector();
    for (const line of lines) detector.add(Buffer.from(line));
    const { format, votes } = detector.result();
    const normalizer = createNormalizer({
      mac: createMac(Buffer.alloc(32, 9)),
      hashAlg: 'hmac-sha256:0a1b2c3d:c1',
      sourceId: name,
      stream: 's',
      times: { now: Date.now() * 1000 },
      ...(format && { format: { adapter: format, forced: false } }),
    });
    const rejects: Record<string, number> = {};
    const filled = new Set<string>();
    let [records, skipped, offset] = [0, 0, 0];
    for (const line of lines) {
      const outcome = normalizer.line(Buffer.from(line), offset);
      offset += Buffer.byteLength(line) + 1;
      if ('skip' in outcome) skipped++;
      else if ('reject' in outcome && outcome.reject !== undefined)
        rejects[outcome.reject] = (rejects[outcome.reject] ?? 0) + 1;
      if (!('records' in outcome)) continue;
      records += outcome.records.length;
      for (const r of outcome.records)
        for (const c of COLUMNS) if (r[c.name] !== undefined) filled.add(c.name);
    }
    records += normalizer.rest('all').records.length;
    const optional = COLUMNS.filter(c => c.always !== true && filled.has(c.name)).map(c => c.name);
    t.diagnostic(
      JSON.stringify({
        lines: lines.length,
        votes: Object.fromEntries(votes),
        records,
        skipped,
        rejects,
        optional,
      }),
    );
    assert.ok(!('unreadable' in rejects));
    assert.ok(records + skipped > 0 || Object.keys(rejects).length > 0);
  });
}
