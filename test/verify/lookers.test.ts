import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readHistory } from '../../src/store/history.ts';
import { payloadPath } from '../../src/store/layout.ts';
import type { Seen, Sight } from '../../src/verify/look.ts';
import { Lookers } from '../../src/verify/lookers.ts';
import { withClock } from '../clocked.ts';

async function seenBy(jobs: number, sights: readonly Sight[]): Promise<Seen[]> {
  const lookers = new Lookers(jobs);
  const all: Seen[] = [];
  try {
    for await (const seen of lookers.all(sights)) all.push(seen);
  } finally {
    await lookers.close();
  }
  return all;
}

test('threads see what one sees, in the order of the files', () =>
  withClock(async log => {
    await log.seal(3);
    await log.seal(40);
    const { segments } = readHistory(log.store.at);
    const sealed = segments.map((s): Sight => ({
      path: payloadPath(log.store.at, s.segment, s.at),
      ...s.payload!,
      counts: [s.records],
    }));
    const noParquet = join(log.folder, 'no.parquet');
    writeFileSync(noParquet, 'x');
    const sights: Sight[] = [
      ...sealed,
      { ...sealed[0]!, path: join(log.folder, 'gone') },
      { ...sealed[0]!, sha256: '0'.repeat(64) },
      { path: noParquet, sha256: createHash('sha256').update('x').digest('hex'), bytes: 1, counts: [1] },
      ...sealed.toReversed(),
    ];
    const one = await seenBy(1, sights);
    assert.deepEqual(await seenBy(3, sights), one);
    assert.deepEqual(
      one.map(s => s.content?.rows ?? (s.fault === undefined ? s.digest?.bytes : 'fault')),
      [3, 40, undefined, readFileSync(sealed[0]!.path).length, 'fault', 40, 3],
    );
    assert.ok(one[1]!.content!.parts[0]!.root.equals(segments[1]!.root));
    // What the system can't read is said, whoever looked.
    const odd = [{ ...sealed[0]!, path: join(log.folder, 'x'.repeat(300)) }];
    for (const jobs of [1, 2]) assert.match((await seenBy(jobs, odd))[0]!.refused!, /name too long/);
  }));
