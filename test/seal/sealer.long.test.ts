import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asError, AuditError, thrown } from '../../src/errors.ts';
import { init } from '../../src/init/init.ts';
import { canonicalLine } from '../../src/record/canonical.ts';
import { type Batch, readBatch } from '../../src/seal/batch.ts';
import { Sealer } from '../../src/seal/sealer.ts';
import { headerFrame, recordFrame, sourceFrame } from '../../src/store/frame.ts';
import { isCode } from '../../src/store/durable.ts';
import { readHistory } from '../../src/store/history.ts';
import { lockPath, openFile } from '../../src/store/layout.ts';
import { newHeader } from '../../src/store/open.ts';
import { thisProcess } from '../../src/store/owner.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { verify } from '../../src/verify/verify.ts';
import { nativeLine, withStore } from '../sandbox.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-sealer-'));
after(() => rmSync(folder, { recursive: true }));

const at = { store: join(folder, 'store'), keys: join(folder, 'keys') };
init({ ...at, recovery: false, origin: 'test.example/log' });

let threads = 0;
process.on('worker', () => threads++);

const record = (n: number): string =>
  canonicalLine({
    v: 1,
    event_id: `00000000-0000-8000-8000-${String(n).padStart(12, '0')}`,
    event_type: 'inference',
    ts: `2026-05-01T00:00:00.${String(n).padStart(6, '0')}Z`,
    ts_quality: 'exact',
    source_id: 's',
    source_format: 'native',
    status: 'ok',
    user_agent: 'x'.repeat(2000),
  });

/** What a pipe has left in an open segment of a copy of the store. */
function opened(name: string, records: number): { store: Store; batch: Batch } {
  const copy = { store: join(folder, name, 'store'), keys: join(folder, name, 'keys') };
  cpSync(at.store, copy.store, { recursive: true });
  cpSync(at.keys, copy.keys, { recursive: true });
  const store = openStore(copy.store, copy.keys);
  const header = newHeader(store);
  const path = openFile(store.at, header.batch, 'open');
  const about = { name: 's', stream: 'cd'.repeat(16), kind: 'pipe', from: 0 } as const;
  const frames = Array.from({ length: records }, (_, n) =>
    recordFrame(0, n + 1, record(n), n % 7 === 0 ? 'auth' : undefined),
  );
  writeFileSync(path, [headerFrame(header), sourceFrame(0, about), ...frames].join(''));
  return { store, batch: readBatch(path, openFile(store.at, header.batch, 'clean'))! };
}

const FEW = 30;
const MANY = 5000;

test('a large batch is sealed on a thread, a small one is not; the log holds the same of either', async () => {
  const sealer = new Sealer();
  try {
    for (const [name, records, begun] of [
      ['small', FEW, 0],
      ['large', MANY, 1],
    ] as const) {
      const { store, batch } = opened(name, records);
      const committed = await sealer.seal(store, batch, { lockWaitMs: 0 });
      const auth = Math.ceil(records / 7);
      assert.deepEqual(
        committed.map(c => [c.entry, c.records]),
        [
          [1, records - auth],
          [2, auth],
        ],
      );
      assert.equal(threads, begun, name);
      assert.deepEqual(readdirSync(join(store.at.store, 'open')), []);
      const { segments } = readHistory(store.at);
      assert.deepEqual(
        segments.map(s => [s.records, s.root.equals(batch.parts[s.part!.index]!.root)]),
        committed.map(c => [c.records, true]),
      );
      const report = await verify(store, { records: true });
      assert.deepEqual(report.findings, []);
    }
  } finally {
    sealer.close();
  }
});

test('what fails on the thread fails as it would here: code, words, hint and exit; the next batch is sealed', async () => {
  const sealer = new Sealer();
  const failed = async (store: Store, batch: Batch): Promise<unknown[]> => {
    const error = await sealer.seal(store, batch, { lockWaitMs: 0 }).catch((e: unknown) => e);
    assert.ok(error instanceof AuditError);
    return [error.code, error.exit, error.message.split(':')[0], error.hint?.split(/[:;]/)[0]];
  };
  try {
    const seen: unknown[][] = [];
    for (const records of [FEW, MANY]) {
      const { store, batch } = opened(`failing ${records}`, records);
      const other = { ...batch, parts: batch.parts.map(p => ({ ...p, root: Buffer.alloc(32, 7) })) };
      const differs = await failed(store, other);
      writeFileSync(lockPath(store.at), `${JSON.stringify(thisProcess())}\n`);
      const locked = await failed(store, batch);
      rmSync(lockPath(store.at));
      seen.push(
        [...differs, ...locked].map(v => (typeof v === 'string' ? v.replaceAll(/[0-9a-f]{32}/g, '*') : v)),
      );
      assert.equal((await sealer.seal(store, batch, { lockWaitMs: 0 })).length, 2);
    }
    assert.equal(seen[0]![0], 'READ_BACK_DIFFERS');
    assert.deepEqual(seen[0]!.slice(4, 6), ['LOCKED', 75]);
    assert.deepEqual(seen[1], seen[0]);
  } finally {
    sealer.close();
  }
});

test('a process that is killed while its thread seals leaves what was acknowledged, and `seal` seals it', () =>
  withStore(async box => {
    const { child, done } = box.start(['ingest', '--seal-records', String(MANY)]);
    const lines = Array.from({ length: MANY + 1000 }, (_, n) =>
      nativeLine(n, { user_agent: 'x'.repeat(2000) }),
    );
    child.stdin.write(lines.join(''));
    const isSealing = (): boolean => readdirSync(`${box.store}/open`).some(name => name.includes('.parquet'));
    while (!isSealing()) await new Promise(resolve => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await done;
    const left = readdirSync(`${box.store}/open`).filter(name => name.endsWith('.open'));
    assert.ok(left.some(name => statSync(`${box.store}/open/${name}`).size > 8 << 20));
    assert.equal((await box.run(['seal'])).code, 0);
    const checked = await box.run(['verify', '--records', '--format', 'json']);
    const report = JSON.parse(checked.stdout) as { findings: unknown[]; checked: { records: number } };
    assert.deepEqual([checked.code, report.findings], [0, []]);
    assert.ok(report.checked.records >= MANY, `${report.checked.records} of ${MANY}`);
  }));

test('an error of the system is one behind a thread, too', () => {
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  assert.ok(isCode(asError(thrown(full)), 'ENOSPC'));
  assert.equal(asError(thrown(full)).message, 'no space left');
});
