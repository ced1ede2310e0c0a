import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ingest, type IngestOptions } from '../../src/ingest/ingest.ts';
import { init } from '../../src/init/init.ts';
import { lockPath, namesIn, openFolder } from '../../src/store/layout.ts';
import { thisProcess } from '../../src/store/owner.ts';
import { openStore } from '../../src/store/store.ts';
import { readHistory } from '../../src/store/history.ts';
import { PLAIN_INGEST } from '../../fixtures/plain-ingest.ts';
import { nativeLines } from '../sandbox.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-session-'));
after(() => rmSync(folder, { recursive: true }));

const LINES = 20;
const OPTIONS: IngestOptions = { ...PLAIN_INGEST, sealRecords: LINES, lockWaitMs: 60_000 };

test('while sealing waits, a pipe is read on for eight batches, and no further; all are sealed in their order', async () => {
  const at = { store: join(folder, 'store'), keys: join(folder, 'keys') };
  init({ ...at, recovery: false, origin: 'test.example/log' });
  const store = openStore(at.store, at.keys);
  const isOpen = (): number => namesIn(openFolder(store.at)).filter(name => name.endsWith('.open')).length;
  async function* lines(): AsyncGenerator<Buffer> {
    writeFileSync(lockPath(store.at), `${JSON.stringify(thisProcess())}\n`);
    for (let n = 0; n < 15; n++) {
      await sleep(5);
      yield Buffer.from(nativeLines(LINES, n * LINES));
    }
  }
  const done = ingest(store, [{ kind: 'pipe', stream: Readable.from(lines()), name: 'p' }], OPTIONS);
  // Being sealed, waiting, and the one that is full.
  for (let i = 0; isOpen() < 9; i++) {
    assert.ok(i < 1000, `${isOpen()} after 10 s`);
    await sleep(10);
  }
  await sleep(200);
  assert.equal(isOpen(), 9);
  rmSync(lockPath(store.at));
  assert.equal((await done).records, 15 * LINES);
  const { segments } = readHistory(store.at);
  assert.deepEqual(
    segments.map(s => [s.first, s.records]),
    Array.from({ length: 15 }, (_, n) => [n * LINES, LINES]),
  );
  assert.equal(isOpen(), 0);
});
