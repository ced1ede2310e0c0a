import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Leaves } from '../../src/duck/leaves.ts';
import { inclusionProof } from '../../src/merkle/proof.ts';
import { leafHash, rootOf } from '../../src/merkle/tree.ts';
import { withRows } from '../../src/duck/row.ts';
import { groupsOf, proofIn, type Rows } from '../../src/prove/groups.ts';
import { payloadPath } from '../../src/store/layout.ts';
import { withClock } from '../clocked.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-groups-'));
after(() => rmSync(folder, { recursive: true }));

const LINES = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`{"n":${i}}`));
const LEAVES = LINES.map(line => leafHash(line));

/** A segment of the first lines, and how many rows have been read of it. */
function segment(records: number): Rows & { read: number } {
  const root = rootOf(LEAVES.slice(0, records));
  const made = {
    before: 0,
    records,
    root,
    read: 0,
    path: 'none',
    rows: { leaves, line: () => Promise.reject(new Error()) },
  };
  // eslint-disable-next-line @typescript-eslint/require-await
  async function* leaves(from: number, count: number): AsyncGenerator<Leaves> {
    for (let at = from; at < from + count; at += 2048) {
      const some = LEAVES.slice(at, Math.min(at + 2048, from + count));
      made.read += some.length;
      yield { rows: some.length, hashes: Buffer.concat(some), micros: [], redacted: [] };
    }
  }
  return made;
}

test('a proof made of groups is the proof made of all leaves', async () => {
  for (const records of [1, 2, 1023, 1024, 1025, 2048, 3000, 5121])
    for (const row of [0, 1, 1023, 1024, 2047, 2999, records - 1].filter(n => n < records))
      assert.deepEqual(
        await proofIn(segment(records), row, LINES[row]!, undefined),
        inclusionProof(LEAVES.slice(0, records), row),
        `${row} of ${records}`,
      );
});

test('a line that is not the row has no proof', async () => {
  assert.equal(await proofIn(segment(3000), 5, LINES[6]!, undefined), undefined);
  assert.equal(await proofIn(segment(20_000), 5, LINES[6]!, folder), undefined);
  assert.deepEqual(readdirSync(folder), [], 'nothing is remembered of it');
});

test('what is remembered spares the other groups, and is not believed', async () => {
  const wanted = inclusionProof(LEAVES, 17_000);
  assert.deepEqual(await proofIn(segment(20_000), 17_000, LINES[17_000]!, folder), wanted);
  const again = segment(20_000);
  assert.deepEqual(await proofIn(again, 17_000, LINES[17_000]!, folder), wanted);
  assert.equal(again.read, 1024);
  const path = join(folder, readdirSync(folder)[0]!);
  const bytes = readFileSync(path);
  for (const changed of [
    Buffer.concat([bytes.subarray(0, 40), Buffer.of(bytes[40]! ^ 1), bytes.subarray(41)]),
    Buffer.of(1),
  ]) {
    writeFileSync(path, changed);
    assert.deepEqual(await proofIn(segment(20_000), 17_000, LINES[17_000]!, folder), wanted);
    assert.ok(readFileSync(path).equals(bytes), 'it is put right');
  }
});

test('threads make the groups that one makes', () =>
  withClock(async log => {
    await log.seal(4000);
    const [sealed] = log.history().segments;
    const path = payloadPath(log.store.at, 0, sealed!.at);
    await withRows(path, async rows => {
      const all = { rows, path, before: 0, records: 4000, root: sealed!.root };
      const one = await groupsOf(all, 1);
      assert.equal(one.length, 4);
      // The last of them has a group that is not full, or none.
      for (const threads of [2, 3, 8]) assert.deepEqual(await groupsOf(all, threads), one);
      await assert.rejects(groupsOf({ ...all, path: join(folder, 'gone') }, 2), { code: 'ENOENT' });
    });
  }));
