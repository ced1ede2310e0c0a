import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { after, before, test } from 'node:test';
import { canonicalLine } from '../../src/record/canonical.ts';
import { readBatch } from '../../src/seal/batch.ts';
import { commit, drop } from '../../src/seal/commit.ts';
import { prepare } from '../../src/seal/prepare.ts';
import { recover } from '../../src/seal/recover.ts';
import { sealLeftovers } from '../../src/seal/seal.ts';
import {
  formatFrame,
  headerFrame,
  markFrame,
  type OpenHeader,
  recordFrame,
  rejectFrame,
  sourceFrame,
} from '../../src/store/frame.ts';
import { openFile, payloadPath } from '../../src/store/layout.ts';
import { thisProcess } from '../../src/store/owner.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { readOpenRecords, notNamed } from '../../src/store/unsealed.ts';
import { readHistory } from '../../src/store/history.ts';
import { status } from '../../src/status/status.ts';
import { verify } from '../../src/verify/verify.ts';
import { begunIn } from '../begun.ts';
import { manifestsIn } from '../manifests.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';

/**
 * An open segment of a dead writer that holds records of three classes, and what is left of a kill between two of its parts.
 * `default` has 3 records and a rejected line, `auth` 2, `other` 1; its one file was read up to byte 70.
 */
const ID = 'ab'.repeat(16);
const CLASSES = ['default', 'other', 'auth', 'default', 'auth', 'default'];

const box = new Sandbox();
let whole: string;

before(async () => {
  const made = await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  assert.equal(made.code, 0, made.stderr);
  whole = box.path('whole');
  for (const part of ['store', 'keys']) cpSync(box.path(part), `${whole}/${part}`, { recursive: true });
});
after(() => box.remove());

const record = (n: number): string =>
  canonicalLine({
    v: 1,
    event_id: `00000000-0000-8000-8000-${String(n).padStart(12, '0')}`,
    event_type: 'inference',
    ts: `2026-05-01T00:00:0${n}.000000Z`,
    ts_quality: 'exact',
    source_id: 's',
    source_format: 'native',
    status: 'ok',
  });

const BODY = [
  sourceFrame(0, { name: 's', stream: 'cd'.repeat(16), kind: 'file', from: 0 }),
  ...CLASSES.map((name, n) => recordFrame(0, (n + 1) * 10, record(n), name)),
  rejectFrame(0, 70, '{"reason":"not_json"}'),
  markFrame(0, 70, { read: 8, blank: 1, not_a_request: 0, part: 0, digest: '0'.repeat(64) }),
];
const framesOf = (change: Partial<OpenHeader> = {}): string =>
  headerFrame(begunIn({ store: `${whole}/store`, keys: `${whole}/keys` }, { batch: ID, ...change })) +
  BODY.join('');

class Case {
  readonly folder: string;
  readonly store: Store;
  constructor(name: string, frames: string = framesOf()) {
    this.folder = box.path(name);
    cpSync(whole, this.folder, { recursive: true });
    this.store = openStore(`${this.folder}/store`, `${this.folder}/keys`);
    this.leave(frames);
  }

  leave(frames: string): void {
    writeFileSync(openFile(this.store.at, ID, 'open'), frames);
  }

  /** Seals the parts of these numbers as a writer does, and leaves the open segment as a kill before the next one does. */
  async killedBehind(...parts: readonly number[]): Promise<void> {
    const { at } = this.store;
    const open = openFile(at, ID, 'open');
    const kept = `${this.folder}/kept`;
    const batch = readBatch(open, openFile(at, ID, 'clean'))!;
    const prepared = await prepare(
      at,
      batch,
      batch.parts.filter((_, n) => parts.includes(n)),
    );
    const tip = await recover(this.store);
    renameSync(open, kept);
    commit(this.store, tip, batch, prepared, Date.now());
    renameSync(kept, open);
  }

  get named(): (readonly [string, number | undefined, number])[] {
    return readHistory(this.store.at).segments.map(s => [s.class, s.part?.index, s.records]);
  }

  async seal(): Promise<{ sealed: number; kept: string[] }> {
    const { sealed, kept } = await sealLeftovers(this.store, { lockWaitMs: 0, take: false });
    return { sealed: sealed.length, kept: kept.map(k => `${k.why}: ${k.reason ?? ''}`) };
  }

  async codes(): Promise<string[]> {
    const { findings } = await verify(this.store, { records: true });
    return findings.map(f => f.code);
  }

  get open(): string[] {
    return readdirSync(`${this.folder}/store/open`);
  }

  /** Records that a reader sees: sealed ones, and those of open segments that no manifest names. */
  seen(): number[] {
    const { at } = this.store;
    const folder = `${this.folder}/seen`;
    mkdirSync(folder, { recursive: true });
    const unsealed = readOpenRecords(this.store, folder);
    const { segments } = readHistory(at);
    return [
      segments.reduce((sum, s) => sum + s.records, 0),
      ...notNamed(unsealed, segments).map(u => u.records),
    ];
  }
}

const ALL = [
  ['default', 0, 3],
  ['auth', 1, 2],
  ['other', 2, 1],
];

test('an open segment with records of three classes is sealed as three segments, the default first', async () => {
  const at = new Case('three');
  assert.deepEqual(await at.seal(), { sealed: 3, kept: [] });
  assert.deepEqual([at.named, at.open], [ALL, []]);
  const [first, ...others] = manifestsIn(at.store.at);
  assert.deepEqual(first!.span, { from: '2026-05-01T00:00:00.000000Z', to: '2026-05-01T00:00:05.000000Z' });
  assert.deepEqual(
    [first!.rejected?.count, first!.sources.map(r => r.to), first!.lines[0]!.read, first!.lines[0]!.blank],
    [1, [70], 8, 1],
  );
  assert.ok(others.every(s => !s.rejected && s.sources.length === 0 && s.lines[0]!.read === 0));
  assert.deepEqual(await at.codes(), []);
});

for (const [what, parts] of [
  ['the first part', [0]],
  ['two of three parts', [0, 1]],
  ['the first and the last part', [0, 2]],
] as const) {
  test(`a kill behind ${what}: readers see every record once, and the next writer seals the rest and only that`, async () => {
    const at = new Case(`killed-${parts.join('-')}`);
    await at.killedBehind(...parts);
    assert.deepEqual(
      at.named,
      ALL.filter((_, n) => parts.some(p => p === n)),
    );
    assert.equal(
      at.seen().reduce((sum, n) => sum + n, 0),
      6,
    );
    const { open } = status(at.store);
    assert.deepEqual(open, { segments: 1, records: 6 - at.seen()[0]!, rejected: 0 });
    assert.deepEqual(await at.codes(), []);
    assert.deepEqual(await at.seal(), { sealed: 3 - parts.length, kept: [] });
    assert.deepEqual([at.named.toSorted((a, b) => a[1]! - b[1]!), at.open], [ALL, []]);
    assert.deepEqual(await at.codes(), []);
    assert.deepEqual(await at.seal(), { sealed: 0, kept: [] });
  });
}

test('a kill behind the last part: the open segment goes, nothing is sealed', async () => {
  const at = new Case('killed-all');
  await at.killedBehind(0, 1, 2);
  writeFileSync(`${at.folder}/store/open/${ID}.2.parquet`, 'left of the sealing');
  assert.deepEqual(at.seen(), [6]);
  assert.deepEqual(await at.seal(), { sealed: 0, kept: [] });
  assert.deepEqual([at.named, at.open], [ALL, []]);
});

test('while the payload of one part is missing its open segment stays, and nothing is sealed a second time', async () => {
  const at = new Case('payload-missing');
  await at.killedBehind(0, 1, 2);
  const { segment, at: sealed } = readHistory(at.store.at).segments[1]!;
  rmSync(payloadPath(at.store.at, segment, sealed));
  assert.deepEqual(await at.seal(), { sealed: 0, kept: [] });
  assert.deepEqual(await at.seal(), { sealed: 0, kept: [] });
  assert.deepEqual(at.named, ALL);
  assert.ok(existsSync(openFile(at.store.at, ID, 'taken')));
  assert.deepEqual(await at.codes(), ['PAYLOAD_MISSING']);
});

test('another ingest may commit between two parts; the query has every record once all the while', async () => {
  // Its writer seems to be on another host: the ingest leaves it alone.
  const at = new Case('between', framesOf({ owner: { ...thisProcess(), host: 'elsewhere' } }));
  await at.killedBehind(0);
  const env = { SLMAUDIT_STORE: `${at.folder}/store`, SLMAUDIT_KEYS: `${at.folder}/keys` };
  const ingest = await box.run(['ingest'], nativeLines(4), env);
  assert.match(ingest.stderr, /elsewhere|other host|another host/);
  const sql = 'select count(*) n, count(distinct event_id) ids from records';
  const asked = await box.run(['query', sql, '--format', 'csv'], '', env);
  assert.equal(asked.stdout, 'n,ids\n10,10\n');
  assert.deepEqual(await at.codes(), []);
  await sealLeftovers(at.store, { lockWaitMs: 0, take: true });
  assert.deepEqual(at.named, [ALL[0], ['default', undefined, 4], ALL[1], ALL[2]]);
  assert.deepEqual([await at.codes(), at.seen()], [[], [10]]);
});

test('an open segment that is gone before its last part was sealed is PART_MISSING, and so is one with another header', async () => {
  const at = new Case('gone');
  await at.killedBehind(0);
  rmSync(openFile(at.store.at, ID, 'open'));
  assert.deepEqual(await at.codes(), ['PART_MISSING']);
  at.leave(framesOf({ batch: 'ef'.repeat(16) }));
  assert.deepEqual(await at.codes(), ['PART_MISSING']);
  at.leave(framesOf());
  assert.deepEqual(await at.codes(), []);
});

test('a record that is damaged between two parts is counted by the next of them', async () => {
  const at = new Case('damaged');
  await at.killedBehind(0);
  at.leave(readFileSync(openFile(at.store.at, ID, 'open'), 'utf8').replace('00:00:04', '00:00:14'));
  assert.deepEqual(await at.seal(), { sealed: 2, kept: [] });
  assert.deepEqual(
    readHistory(at.store.at).segments.map(s => [s.class, s.records, s.damaged]),
    [
      ['default', 3, 0],
      ['auth', 1, 1],
      ['other', 1, 0],
    ],
  );
  assert.deepEqual(await at.codes(), []);
});

test('an open segment that makes other parts than the log names is left alone and said', async () => {
  const at = new Case('other-parts');
  await at.killedBehind(0);
  // The one record of class `other` is of none now: two classes, where the log says three.
  const frame = formatFrame(`"s":0,"o":20,"k":"auth","r":${record(1)}}`);
  at.leave(framesOf().replace(BODY[2]!, frame));
  const { sealed, kept } = await at.seal();
  assert.equal(sealed, 0);
  assert.match(kept.join(), /^unsealable: the log names 1 of 3 parts/);
  assert.deepEqual(await at.codes(), []);
  drop(at.store, ID);
  assert.deepEqual(await at.codes(), ['PART_MISSING']);
});
