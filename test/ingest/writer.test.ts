import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { init } from '../../src/init/init.ts';
import { type Digested, LINE } from '../../src/ingest/digest.ts';
import { Writer } from '../../src/ingest/writer.ts';
import { canonicalLine, leafHash } from '../../src/record/canonical.ts';
import { readBatch } from '../../src/seal/batch.ts';
import { recordFrame } from '../../src/store/frame.ts';
import { namesIn, openFile, openFolder, parseOpenName } from '../../src/store/layout.ts';
import { openStore } from '../../src/store/store.ts';
import { Sandbox } from '../sandbox.ts';

const box = new Sandbox();
after(() => box.remove());

/** A record that was gathered from lines of an open segment before: it stands where the file was read up to, and no line is read with it. */
function gathered(at: number): Digested {
  const line = canonicalLine({
    v: 1,
    event_id: '00000000-0000-8000-8000-000000000001',
    event_type: 'inference',
    ts: '2026-05-01T00:00:00.000000Z',
    ts_quality: 'exact',
    source_id: 'a.log',
    source_format: 'vllm',
    status: 'unknown',
  });
  const frames = Buffer.from(recordFrame(0, at, line));
  return {
    bytes: new Uint8Array(0),
    start: at,
    frames,
    frameEnds: Uint32Array.of(frames.length),
    ends: Float64Array.of(at),
    kinds: Uint8Array.of(LINE.more),
    counts: Uint32Array.of(1),
    leaves: leafHash(line),
    times: Float64Array.of(1_777_593_600_000_000),
    classes: Uint16Array.of(0),
    classNames: ['default'],
    reasons: {},
    removed: {},
    waiting: 0,
  };
}

test('a request whose end never came is kept by a crash, though no line of its open segment was read', async () => {
  init({ store: box.store, keys: box.keys, recovery: false, origin: 'test.example/log' });
  const store = openStore(box.store, box.keys);
  const writer = new Writer(store);
  const source = { name: 'a.log', stream: 'ab'.repeat(16), kind: 'file', ordinal: 0, at: 100 } as const;
  writer.append({ ...source, digestKey: Buffer.alloc(32) }, gathered(100), 0, 10);
  await writer.sync();
  const [name = ''] = namesIn(openFolder(store.at));
  const { batch } = parseOpenName(name)!;
  const left = readBatch(openFile(store.at, batch, 'open'), openFile(store.at, batch, 'clean'))!;
  const [part] = left.parts;
  assert.deepEqual(
    [part!.records, part!.sources.map(s => [s.from, s.to]), left.unmarked],
    [1, [[100, 100]], 0],
  );
});
