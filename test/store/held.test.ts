import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { init } from '../../src/init/init.ts';
import { partsOf } from '../../src/seal/parts.ts';
import { sealBatch } from '../../src/seal/seal.ts';
import { HeldFiles } from '../../src/store/held.ts';
import { namesIn } from '../../src/store/layout.ts';
import { newHeader } from '../../src/store/open.ts';
import { openStore, type Store } from '../../src/store/store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-held-'));
after(() => rmSync(folder, { recursive: true }));

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);

function made(name: string): Store {
  const paths = { store: join(folder, name), keys: join(folder, `${name}-keys`) };
  init({ ...paths, recovery: false, origin: `${name}.example/log` });
  return openStore(paths.store, paths.keys);
}

/** An entry that says that bytes of a file were read, and nothing came of them. */
async function sealed(store: Store, identity: string, from: number, to: number): Promise<void> {
  const tally = { source: 'x', read: 1, records: 0, rejected: 0, blank: 1, not_a_request: 0, part: 0 };
  const sources = [{ name: 'x.log', identity, from, to, digest: 'd'.repeat(64) }];
  const whole = { rejected: 0, lines: new Map([[0, tally]]), damaged: 0, sources, retried: [] };
  const batch = { path: '', header: newHeader(store), parts: partsOf(whole, new Map()), unmarked: 0 };
  await sealBatch(store, batch, { lockWaitMs: 0 });
}

const endsOf = (held: HeldFiles, identity: string): number[] => held.rangesOf(identity).map(r => r.to);

/** Another byte in the first entry, as far as the tree cares. */
function spoil({ at }: Store): void {
  const entries = join(at.store, 'log/tile/entries/000.p');
  const path = join(entries, readdirSync(entries).at(-1)!);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('lines x 1') + 6] = 0x79;
  rmSync(path);
  writeFileSync(path, bytes);
}

test('what a log holds of files is read once, and what came since is read behind it', async () => {
  const store = made('once');
  const known = join(folder, 'known');
  await sealed(store, A, 0, 10);
  const first = new HeldFiles(store, known, 1).read();
  await sealed(store, A, 10, 30);
  await sealed(store, B, 0, 5);
  assert.deepEqual(endsOf(first.read(), A), [10, 30]);
  assert.equal(first.lastOf('x.log'), B);
  first.remember();
  await sealed(store, B, 5, 7);
  const second = new HeldFiles(store, known, 1).read();
  assert.deepEqual(
    [endsOf(second, A), endsOf(second, B)],
    [
      [10, 30],
      [5, 7],
    ],
  );
  assert.equal(second.since('x.log'), first.since('x.log'));
  // Entries that were seen under a root are not read again: whoever asks without a memory sees what became of them.
  spoil(store);
  assert.deepEqual(endsOf(new HeldFiles(store, known).read(), A), [10, 30]);
  assert.throws(() => new HeldFiles(store, undefined).read(), /not those of the checkpoint/);
});

test('a memory that was altered, or is of another log, is none', async () => {
  const store = made('other');
  const known = join(folder, 'known-other');
  await sealed(store, A, 0, 10);
  const held = new HeldFiles(store, known, 1).read();
  held.remember();
  const name = namesIn(known).find(n => n.endsWith('.files'));
  const path = join(known, name!);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('"x.log","aaaa', '"x.log","cccc'));
  assert.deepEqual(endsOf(new HeldFiles(store, known).read(), A), [10]);
  // Under the right name and key, but of an end that this log never had.
  const twin = made('twin');
  await sealed(twin, B, 0, 3);
  new HeldFiles(twin, known, 1).read().remember();
  const own = namesIn(known).find(n => n.endsWith('.files') && n !== name);
  writeFileSync(join(known, own!), text);
  assert.deepEqual(endsOf(new HeldFiles(twin, known).read(), B), [3]);
});
