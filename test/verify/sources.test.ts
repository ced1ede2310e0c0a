import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { canonicalLine } from '../../src/record/canonical.ts';
import { readBatch } from '../../src/seal/batch.ts';
import { commit } from '../../src/seal/commit.ts';
import { prepare, type Prepared } from '../../src/seal/prepare.ts';
import { recover } from '../../src/seal/recover.ts';
import { headerFrame, markFrame, type OpenSource, recordFrame, sourceFrame } from '../../src/store/frame.ts';
import { openFile } from '../../src/store/layout.ts';
import { openStore } from '../../src/store/store.ts';
import { begunIn } from '../begun.ts';
import { type Sandbox, withStore } from '../sandbox.ts';

const record = (i: number): string =>
  canonicalLine({
    v: 1,
    event_id: `00000000-0000-8000-8000-${String(i).padStart(12, '0')}`,
    event_type: 'access',
    ts: '2026-05-01T00:00:00.000000Z',
    ts_quality: 'exact',
    source_id: 's',
    source_format: 'native',
    status: 'ok',
  });

let batches = 0;

interface Forged {
  readonly about: Partial<OpenSource>;
  readonly to: number;
  readonly retried?: string;
  readonly batch?: string;
  readonly line?: string;
}

/** What a writer has left that died, or was altered since. */
function leaveForged(box: Sandbox, { about, to, retried, batch, line }: Forged): string {
  const id = batch ?? String(++batches).padStart(32, '0');
  const source: OpenSource = { name: 's', stream: 'cd'.repeat(16), kind: 'file', from: 0, ...about };
  const counts = { read: retried === undefined ? 1 : 0, blank: 0, not_a_request: 0, part: 0 };
  const rest = retried === undefined ? { digest: '0'.repeat(64) } : { retried };
  writeFileSync(
    `${box.store}/open/${id}.open`,
    headerFrame(begunIn(box, { batch: id })) +
      sourceFrame(0, source) +
      recordFrame(0, to, line ?? record(batches)) +
      markFrame(0, to, { ...counts, ...rest }),
  );
  return id;
}

/** Seals it as it is: what a program without the checks of this one would put into the log. */
async function sealForged(
  box: Sandbox,
  about: Partial<OpenSource>,
  to: number,
  retried?: string,
  change: (prepared: Prepared) => Prepared = p => p,
): Promise<void> {
  const store = openStore(box.store, box.keys);
  const id = leaveForged(box, { about, to, ...(retried !== undefined && { retried }) });
  const batch = readBatch(openFile(store.at, id, 'open'), openFile(store.at, id, 'clean'))!;
  const prepared = (await prepare(store.at, batch, batch.parts)).map(change);
  assert.equal(commit(store, await recover(store), batch, prepared, Date.now()).length, 1);
}

async function codes(box: Sandbox): Promise<string[]> {
  const run = await box.run(['verify', '--records', '--format', 'json']);
  return (JSON.parse(run.stdout) as { findings: { code: string }[] }).findings.map(f => f.code);
}

test('bytes of a file that are missing between two segments are a gap, those in two an overlap', () =>
  withStore(async box => {
    await sealForged(box, { from: 0 }, 100);
    await sealForged(box, { from: 100 }, 200);
    assert.deepEqual(await codes(box), []);
    await sealForged(box, { from: 250 }, 300);
    assert.deepEqual(await codes(box), ['SOURCE_GAP']);
    await sealForged(box, { from: 280 }, 320);
    assert.deepEqual(await codes(box), ['SOURCE_GAP', 'SOURCE_OVERLAP']);
    // What comes behind joins the farthest byte: one mistake is one finding.
    await sealForged(box, { from: 320 }, 330);
    assert.deepEqual(await codes(box), ['SOURCE_GAP', 'SOURCE_OVERLAP']);
  }));

test('a rejected line can be read again once, and only if there is one', () =>
  withStore(async box => {
    assert.equal((await box.run(['ingest'], 'a\nb\nc\n')).code, 3);
    const quarantine = { kind: 'quarantine', segment: 0 } as const;
    await sealForged(box, quarantine, 2, '1-2');
    assert.deepEqual(await codes(box), []);
    await sealForged(box, quarantine, 3, '2-3');
    assert.deepEqual(await codes(box), ['RETRY_TWICE']);
    await sealForged(box, quarantine, 9, '9');
    await sealForged(box, { ...quarantine, segment: 1 }, 1, '1-900000000000000');
    assert.deepEqual(await codes(box), ['RETRY_TWICE', 'RETRY_UNKNOWN', 'RETRY_UNKNOWN']);
  }));

test('who holds the keys and says that more lines were rejected than any file has is told of, and in no time', () =>
  withStore(async box => {
    const path = box.path('rejected');
    writeFileSync(path, 'x');
    const many = Number.MAX_SAFE_INTEGER - 1;
    await sealForged(box, { kind: 'pipe' }, 1, undefined, prepared => ({
      ...prepared,
      part: {
        ...prepared.part,
        rejected: many,
        lines: prepared.part.lines.map(l => ({ ...l, read: many, rejected: many })),
      },
      quarantine: { path, sha256: '0'.repeat(64), bytes: 1 },
    }));
    const quarantine = { kind: 'quarantine', segment: 0 } as const;
    await sealForged(box, quarantine, 3, '1-900000000000000');
    await sealForged(box, quarantine, 3, '2-900000000000000');
    assert.deepEqual(await codes(box), ['RETRY_UNKNOWN', 'RETRY_UNKNOWN', 'QUARANTINE_ALTERED']);
    assert.equal((await box.run(['quarantine', 'list'])).code, 1);
    assert.equal((await box.run(['status'])).code, 0);
  }));

test('what a dead writer has left of one file is sealed in the order of the file, whatever its segments are called', () =>
  withStore(async box => {
    for (const [batch, from] of [
      ['f', 0],
      ['0', 100],
      ['7', 200],
    ] as const)
      leaveForged(box, { about: { from }, to: from + 100, batch: batch.repeat(32) });
    assert.equal((await box.run(['seal'])).code, 0);
    assert.deepEqual(await codes(box), []);
    assert.match((await box.run(['status'])).stdout, /^records {2}3 of 3 segments, in 3 files$/m);
  }));

test('behind a segment that can not be sealed, none of the same file is', () =>
  withStore(async box => {
    leaveForged(box, { about: { from: 0 }, to: 100, batch: 'f'.repeat(32), line: ` ${record(1)}` });
    leaveForged(box, { about: { from: 100 }, to: 200, batch: '0'.repeat(32) });
    leaveForged(box, { about: { from: 0, stream: 'ef'.repeat(16) }, to: 100, batch: '7'.repeat(32) });
    const seal = await box.run(['seal']);
    assert.match(seal.stderr, /segment before it/);
    assert.deepEqual(await codes(box), []);
    assert.match((await box.run(['status'])).stdout, /^records {2}1 of 1 segment, in 1 file$/m);
  }));

test('an open segment of no records is no error in the SQL of who asks: it is said what to do', () =>
  withStore(async box => {
    const sql = 'select count(*) as n from records';
    leaveForged(box, { about: { kind: 'pipe' }, to: 100, line: 'no record' });
    const asked = await box.run(['query', sql]);
    assert.deepEqual([asked.code, /hint: run `slmaudit seal`/.test(asked.stderr)], [2, true], asked.stderr);
    const [, batch] = /open segment (\w{32}) could not be sealed/.exec((await box.run(['seal'])).stderr)!;
    renameSync(`${box.store}/open/${batch}.taken`, box.path('aside'));
    assert.equal((await box.run(['query', sql, '--format', 'csv'])).stdout, 'n\n0\n');
  }));
