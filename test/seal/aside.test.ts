import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import { canonicalLine } from '../../src/record/canonical.ts';
import { destroyRecordKey, rotateRecordKey } from '../../src/custody/rotate.ts';
import { checkNext } from '../../src/seal/next.ts';
import { sealLeftovers } from '../../src/seal/seal.ts';
import { init } from '../../src/init/init.ts';
import { status } from '../../src/status/status.ts';
import {
  formatFrame,
  headerFrame,
  markFrame,
  type OpenSource,
  recordFrame,
  sourceFrame,
} from '../../src/store/frame.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { readOpenRecords } from '../../src/store/unsealed.ts';
import { exitOf } from '../../src/verify/finding.ts';
import { verify } from '../../src/verify/verify.ts';
import { begunIn, withOwner } from '../begun.ts';
import { Sandbox } from '../sandbox.ts';

/** What was sealed stays sealed once, whatever someone who can write the store and has no key leaves in open/, or takes from it. */
const box = new Sandbox();
after(() => box.remove());
let store: Store;

beforeEach(() => {
  for (const part of [box.store, box.keys]) rmSync(part, { recursive: true, force: true });
  init({ store: box.store, keys: box.keys, recovery: false, origin: 'test.example/log' });
  store = openStore(box.store, box.keys);
});

const A = 'aa'.repeat(16);
const B = 'bb'.repeat(16);
const C = 'cc'.repeat(16);
const FILE = 'fd'.repeat(16);

let records = 0;
function bytes(from: number, to: number, about: Partial<OpenSource> = {}, mark: object = {}): string {
  const record = canonicalLine({
    v: 1,
    event_id: `00000000-0000-8000-8000-${String(++records).padStart(12, '0')}`,
    event_type: 'access',
    ts: '2026-05-01T00:00:00.000000Z',
    ts_quality: 'exact',
    source_id: 's',
    source_format: 'native',
    status: 'ok',
  });
  const counts = { read: 1, blank: 0, not_a_request: 0, part: 0, digest: '0'.repeat(64) };
  return (
    sourceFrame(0, { name: 's', stream: FILE, kind: 'file', from, ...about }) +
    recordFrame(0, to, record) +
    markFrame(0, to, { ...counts, ...mark })
  );
}

const open = (batch: string): string => `${box.store}/open/${batch}.open`;
const leave = (batch: string, body: string): void =>
  writeFileSync(open(batch), headerFrame(begunIn(box, { batch })) + body);

async function seal(take = false): Promise<[sealed: number, kept: string[], aside: string[]]> {
  const { sealed, kept, aside } = await sealLeftovers(store, { lockWaitMs: 0, take });
  return [sealed.length, kept.map(k => k.why), aside.map(a => a.reason)];
}

async function verified(): Promise<[exit: number, codes: string[]]> {
  const report = await verify(store, { records: false });
  return [exitOf(report), report.findings.map(f => f.code)];
}

/** Open segments that a query shows to who has these keys. */
const seen = (keys: string): number => readOpenRecords(openStore(box.store, keys), box.folder).length;

test('an open segment that nobody with a key has begun is set aside, whoever it says it belongs to, and no file waits for it', async () => {
  const forged = { ...begunIn(box, { batch: A }), mac: '0'.repeat(64) };
  for (const [batch, owner] of [
    [A, forged.owner],
    [B, { ...forged.owner, host: 'elsewhere' }],
    [C, begunIn(box, { batch: C, owner: { ...forged.owner, pid: process.ppid, boot: '' } }).owner],
  ] as const)
    writeFileSync(open(batch), headerFrame({ ...forged, batch, owner }) + bytes(0, 100));
  assert.deepEqual([seen(box.keys), seen(box.path('none'))], [0, 3]);
  const [sealed, kept, aside] = await seal();
  assert.deepEqual(
    [sealed, kept, new Set(aside)],
    [0, [], new Set(['whoever began it had no key of this store'])],
  );
  assert.deepEqual(
    readdirSync(`${box.store}/open`),
    [A, B, C].map(b => `${b}.aside`),
  );
  assert.deepEqual(await verified(), [4, ['SET_ASIDE', 'SET_ASIDE', 'SET_ASIDE']]);
  assert.equal(status(store).aside.length, 3);
  assert.deepEqual(await seal(), [0, [], []]);
  assert.equal(readdirSync(`${box.store}/open`).length, 3);
});

test('a copy under another id has no header of its own, one under its own id is the one that was sealed', async () => {
  leave(A, bytes(0, 100));
  const copy = readFileSync(open(A), 'utf8');
  const [header = '', ...rest] = copy.split('\n');
  writeFileSync(open(B), [formatFrame(header.slice(16).replace(A, B)).trimEnd(), ...rest].join('\n'));
  assert.deepEqual(await seal(), [1, [], ['whoever began it had no key of this store']]);
  writeFileSync(open(A), copy);
  assert.deepEqual(await seal(), [0, [], []]);
  assert.ok(!existsSync(open(A)));
  // Begun later, it says: nobody who has no key can say so.
  writeFileSync(
    open(A),
    [formatFrame(header.slice(16).replace('"since":1', '"since":2')).trimEnd(), ...rest].join('\n'),
  );
  assert.deepEqual((await seal())[2].length, 1);
  assert.deepEqual(await verified(), [4, ['SET_ASIDE', 'SET_ASIDE']]);
});

test('bytes that are in the log already, or behind a gap that nothing fills, are set aside; the file goes on', async () => {
  leave(A, bytes(0, 100));
  leave(B, bytes(50, 200));
  leave(C, bytes(150, 250));
  const [sealed, kept, aside] = await seal();
  assert.deepEqual([sealed, kept], [1, []]);
  assert.match(
    aside.join('\n'),
    /^it holds s from byte 50 to 200, and the log has it up to 100\nit holds s from byte 150 on, and the log ends at 100$/,
  );
  leave('dd'.repeat(16), bytes(100, 300));
  assert.deepEqual(await seal(), [1, [], []]);
  assert.deepEqual(await verified(), [4, ['SET_ASIDE', 'SET_ASIDE']]);
});

test('what was set aside behind bytes that are gone for good can be sealed all the same, and the gap is said', async () => {
  leave(A, bytes(0, 100));
  leave(B, bytes(150, 250));
  const forged = { ...begunIn(box, { batch: C }), mac: '0'.repeat(64) };
  writeFileSync(open(C), headerFrame(forged) + bytes(250, 300));
  assert.equal((await seal())[2].length, 2);
  const { sealed, aside } = await sealLeftovers(store, { lockWaitMs: 0, take: false, gaps: true });
  assert.deepEqual([sealed.length, aside], [1, []]);
  assert.deepEqual(await verified(), [1, ['SOURCE_GAP', 'SET_ASIDE']]);
});

test('bytes behind those of an open segment that waits are waited for with it, and sealed behind it', async () => {
  leave(A, bytes(0, 100));
  withOwner(box, open(A), { host: 'elsewhere' });
  leave(B, bytes(100, 200));
  leave(C, bytes(0, 100, { stream: 'ee'.repeat(16) }));
  assert.deepEqual(await seal(), [1, ['other_host', 'unsealable'], []]);
  assert.deepEqual(await seal(true), [2, [], []]);
  assert.deepEqual(await verified(), [0, []]);
});

test('a file without an end stops nobody', async () => {
  writeFileSync(open(A), '');
  truncateSync(open(A), 8 * 2 ** 40);
  leave(B, bytes(0, 100));
  truncateSync(open(B), 2 ** 40);
  leave(C, bytes(0, 100, { stream: 'ee'.repeat(16) }));
  assert.deepEqual(await seal(), [1, ['unreadable', 'unsealable'], []]);
  assert.deepEqual(await verified(), [0, []]);
});

test('what is set aside never takes the place of what was before', async () => {
  for (const n of [0, 1, 2]) {
    writeFileSync(
      open(A),
      headerFrame({ ...begunIn(box, { batch: A }), mac: '0'.repeat(64) }) + bytes(0, n + 1),
    );
    assert.equal((await seal())[2].length, 1);
  }
  assert.deepEqual(readdirSync(`${box.store}/open`), [`${A}.1.aside`, `${A}.2.aside`, `${A}.aside`]);
});

test('a kill between its two names leaves one of them', async () => {
  writeFileSync(open(A), headerFrame({ ...begunIn(box, { batch: A }), mac: '0'.repeat(64) }) + bytes(0, 1));
  linkSync(open(A), `${box.store}/open/${A}.aside`);
  assert.equal((await seal())[2].length, 1);
  assert.deepEqual(readdirSync(`${box.store}/open`), [`${A}.aside`]);
});

test('what someone put where sealing makes its files is replaced, never written through', async () => {
  const mine = box.path('mine');
  writeFileSync(mine, 'mine');
  leave(A, bytes(0, 100));
  linkSync(mine, `${box.store}/open/${A}.clean`);
  symlinkSync(mine, `${box.store}/open/${A}.parquet`);
  assert.deepEqual(await seal(), [1, [], []]);
  assert.equal(readFileSync(mine, 'utf8'), 'mine');
  assert.deepEqual(await verified(), [0, []]);
});

test('rejected lines that are not there, or were read again before, are read again by nobody', async () => {
  const { code } = await box.run(['ingest'], 'a\nb\nc\n');
  assert.equal(code, 3);
  const retried = (ranges: string, segment = 0): string =>
    bytes(0, 3, { kind: 'quarantine', segment }, { read: 0, retried: ranges, digest: undefined });
  leave(A, retried('1-2'));
  assert.deepEqual(await seal(), [1, [], []]);
  leave(A.replace('a', '1'), retried('2-3'));
  leave(B, retried('9'));
  leave(C, retried('1-900000000000000', 7));
  const [sealed, kept, aside] = await seal();
  assert.deepEqual([sealed, kept, aside.length], [0, [], 3]);
  assert.deepEqual((await verified())[1], ['SET_ASIDE', 'SET_ASIDE', 'SET_ASIDE']);
});

test('one that was begun under a record key that is gone waits, and is not called forged', async () => {
  leave(A, bytes(0, 100));
  const other = box.path('other');
  init({ store: `${other}/store`, keys: `${other}/keys`, recovery: false, origin: 'test.example/log' });
  const key = `${box.keys}/test.example+log/record.key`;
  renameSync(key, `${other}/kept`);
  copyFileSync(`${other}/keys/test.example+log/record.key`, key);
  assert.deepEqual(
    [seen(box.keys), seen(box.path('none'))],
    [0, 1],
    'anyone can name a key that is not here',
  );
  assert.deepEqual(await seal(), [0, ['unsealable'], []]);
  copyFileSync(`${other}/kept`, key);
  assert.deepEqual(await seal(), [1, [], []]);
});

test('a record key under which an open segment waits is not destroyed', async () => {
  leave(A, bytes(0, 100));
  const { before } = await rotateRecordKey(store, 0);
  assert.throws(() => destroyRecordKey(store, before), { code: 'KEY_IN_USE' });
  assert.deepEqual(await seal(), [1, [], []]);
  destroyRecordKey(store, before);
});

test('a file that was sealed half a million times goes on', () => {
  const ranges = Array.from({ length: 500_000 }, (_, i) => ({ to: i + 1 }));
  const read = { rangesOf: () => ranges, segments: () => [], gaps: false };
  const range = { name: 's', identity: FILE, from: 500_000, to: 500_001, digest: '' };
  checkNext([{ sources: [range], retried: [] }], read);
  assert.throws(() => checkNext([{ sources: [{ ...range, from: 1 }], retried: [] }], read), {
    code: 'ALREADY_SEALED',
  });
});
