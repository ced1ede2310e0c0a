import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatEntry, parseEntry } from '../../src/log/entry.ts';
import { makeSigner } from '../../src/note/key.ts';
import { formatNote, parseNote, signNote } from '../../src/note/note.ts';
import { readLogKey, readPin } from '../../src/store/keys.ts';
import { publish, readEntries, writeEntry } from '../../src/store/log.ts';
import { openStore } from '../../src/store/store.ts';
import type { Finding, Report } from '../../src/verify/finding.ts';
import { openToVerify } from '../../src/verify/opened.ts';
import { verify } from '../../src/verify/verify.ts';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const whole = { store: box.store, keys: box.keys };
let sealedAt = '';

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  writeFileSync(box.path('a.ndjson'), nativeLines(300));
  await box.run(['ingest', '--seal-records', '100', box.path('a.ndjson')]);
  await box.run(['ingest'], `not json\n${nativeLines(5, 900)}`);
  sealedAt = box.files().find(f => f.endsWith('00000000.parquet'))!;
});

after(() => box.remove());

/** A copy of the store and its keys, to be spoiled. */
function copy(): typeof whole {
  const folder = box.path(`copy-${Math.random().toString(36).slice(2)}`);
  cpSync(whole.store, join(folder, 'store'), { recursive: true });
  cpSync(whole.keys, join(folder, 'keys'), { recursive: true });
  return { store: join(folder, 'store'), keys: join(folder, 'keys') };
}

async function findings(at: typeof whole, records = false): Promise<readonly Finding[]> {
  const store = openToVerify(at.store, at.keys);
  return 'code' in store ? [store] : (await verify(store, { records })).findings;
}

async function codesAfter(spoil: (at: typeof whole) => void, records = false): Promise<string[]> {
  const at = copy();
  spoil(at);
  const codes = (await findings(at, records)).map(f => f.code);
  rmSync(join(at.store, '..'), { recursive: true });
  return codes;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at % bytes.length]! ^= 1 << (at & 7);
  rmSync(path);
  writeFileSync(path, bytes);
}

test('a store that nobody touched is intact, by digest and by every record', async () => {
  assert.deepEqual(await codesAfter(() => undefined, true), []);
});

test('any flipped bit, cut, missing or added byte of any file is found', async () => {
  for (const file of box.files()) {
    const size = statSync(join(whole.store, file)).size;
    const spoils: [string, (path: string) => void][] = [
      ['flipped', path => flip(path, Math.floor(Math.random() * size * 8))],
      ['cut', path => truncateSync(path, size - 1)],
      ['emptied', path => truncateSync(path, 0)],
      ['missing', path => rmSync(path)],
      ['longer', path => appendFileSync(path, 'x')],
    ];
    for (const [what, spoil] of spoils) {
      const codes = await codesAfter(at => spoil(join(at.store, file)));
      assert.notEqual(codes.length, 0, `${file} ${what} went unseen`);
    }
  }
});

test('an altered payload is named with its segment, entry and file, and the check goes on behind it', async () => {
  const at = copy();
  flip(join(at.store, sealedAt), 1000);
  rmSync(join(at.store, 'quarantine', '00000003.ndjson'));
  const found = await findings(at);
  assert.deepEqual(
    found.map(({ code, segment, entry, file }) => ({ code, segment, entry, file })),
    [
      { code: 'PAYLOAD_ALTERED', segment: 0, entry: 1, file: sealedAt },
      { code: 'QUARANTINE_MISSING', segment: 3, entry: 4, file: 'quarantine/00000003.ndjson' },
    ],
  );
});

for (const [what, file] of [
  ['among the records', 'records/sealed_on=2026-01-01/notes.txt'],
  ['with the name of a segment far ahead', 'records/sealed_on=2099-01-01/00000777.parquet'],
  ['in the log', 'log/tile/0/001'],
  ['at the top', 'README'],
  ['among the open segments', 'open/evil.sh'],
] as const) {
  test(`a file that belongs to nothing, ${what}, is a stray`, async () => {
    const codes = await codesAfter(at => {
      mkdirSync(join(at.store, file, '..'), { recursive: true });
      writeFileSync(join(at.store, file), 'x');
    });
    assert.deepEqual(codes, ['STRAY_FILE']);
  });
}

test('a payload behind a symbolic link is not the payload', async () => {
  const codes = await codesAfter(at => {
    const path = join(at.store, sealedAt);
    cpSync(path, join(at.store, '..', 'elsewhere'));
    rmSync(path);
    symlinkSync(join(at.store, '..', 'elsewhere'), path);
  });
  assert.deepEqual(codes, ['PAYLOAD_MISSING']);
});

test('two payloads exchanged are both found', async () => {
  const codes = await codesAfter(at => {
    const [a, b] = [join(at.store, sealedAt), join(at.store, sealedAt.replace('00000000', '00000001'))];
    const kept = readFileSync(a);
    cpSync(b, a);
    writeFileSync(b, kept);
  });
  assert.deepEqual(codes, ['PAYLOAD_ALTERED', 'PAYLOAD_ALTERED']);
});

/** What a thief of today's keys can do: the log key signs any checkpoint, but the epoch keys of old entries are gone. */
function rewritten(at: typeof whole, change: (notes: Buffer[]) => Buffer[]): void {
  const store = openStore(at.store, at.keys);
  const notes = change([...readEntries(store.at, 0, 5)]);
  rmSync(join(at.store, 'log'), { recursive: true });
  mkdirSync(join(at.store, 'log'));
  let root: Buffer = Buffer.alloc(32);
  for (const [i, note] of notes.entries()) root = writeEntry(store.at, i, note);
  publish(store.at, { origin: store.origin, size: notes.length, root }, readLogKey(store.keys));
}

const thief = (index: number) => makeSigner(`test.example/log/e/${index}`, Buffer.alloc(32, index));

test('a thief of the keys can not alter what was sealed before: the entry is not signed by the key that was named', async () => {
  const codes = await codesAfter(at =>
    rewritten(at, notes => {
      const entry = parseEntry(parseNote(notes[2]!).text);
      const text = formatEntry({
        ...entry,
        lines: entry.lines.map(l => (l.key === 'lines' ? { ...l, values: l.values.with(1, '99') } : l)),
      });
      return notes.map((n, i) => (i === 2 ? Buffer.from(formatNote(signNote(text, thief(2)))) : n));
    }),
  );
  for (const code of ['ENTRY_SIGNATURE', 'ENTRY_CHAIN', 'FORK'])
    assert.ok(codes.includes(code), codes.join());
});

test('a thief can not take a segment out of the middle', async () => {
  const codes = await codesAfter(at => rewritten(at, notes => notes.filter((_, i) => i !== 2)));
  for (const code of ['ENTRY_PLACE', 'ENTRY_CHAIN', 'ENTRY_SIGNATURE', 'SEGMENT_NUMBER', 'ROLLBACK']) {
    assert.ok(codes.includes(code), `${code} not among ${codes.join()}`);
  }
});

test('an older copy of the whole store is a rollback where the keys have gone on', async () => {
  const codes = await codesAfter(at => rewritten(at, notes => notes.slice(0, 3)));
  assert.ok(codes.includes('ROLLBACK'));
});

test('a log of another key is not the pinned one, however well it is made', async () => {
  const other = new Sandbox();
  try {
    await other.run(['init', '--no-recovery', '--origin', 'test.example/log']);
    await other.run(['ingest'], nativeLines(3));
    const pin = readPin(openStore(whole.store, whole.keys).keys)!;
    const report: Report = await verify(openStore(other.store, other.keys), { records: false, pin });
    assert.deepEqual(
      new Set(report.findings.map(f => f.code)),
      new Set(['CHECKPOINT_SIGNATURE', 'GENESIS_MISMATCH']),
    );
    assert.equal(report.assurance, 'none');
  } finally {
    other.remove();
  }
});

test('an entry of a kind that this version does not know is never called intact, nor altered', async () => {
  const at = copy();
  const store = openStore(at.store, at.keys);
  const last = [...readEntries(store.at, 4, 5)][0]!;
  const entry = parseEntry(parseNote(last).text);
  const keyFile = join(store.keys.folder, 'epoch', '5.key');
  const { parseSigner } = await import('../../src/note/key.ts');
  const { entryHash } = await import('../../src/log/entry.ts');
  const text = formatEntry({
    origin: entry.origin,
    index: 5,
    kind: 'close',
    version: 1,
    at: entry.at,
    prev: entryHash(last),
    lines: [],
    next: thief(6),
  });
  const note = Buffer.from(formatNote(signNote(text, parseSigner(readFileSync(keyFile, 'utf8').trim()))));
  publish(
    store.at,
    { origin: store.origin, size: 6, root: writeEntry(store.at, 5, note) },
    readLogKey(store.keys),
  );
  assert.deepEqual(
    (await findings(at)).map(f => f.code),
    ['WRITTEN_BY_NEWER'],
  );
  const run = await box.run(['verify', '--store', at.store, '--keys', at.keys]);
  assert.equal(run.code, 2);
  assert.equal((await box.run(['query', 'select 1', '--store', at.store, '--keys', at.keys])).code, 2);
  assert.equal((await box.run(['ingest', '--store', at.store, '--keys', at.keys], nativeLines(1))).code, 2);
});

test('a store of a newer form without a checkpoint of ours could not be checked; one of ours without it was altered', async () => {
  const at = copy();
  rmSync(join(at.store, 'log', 'checkpoint'));
  const check = (): Promise<Run> => box.run(['verify', '--store', at.store, '--keys', at.keys]);
  const ours = await check();
  assert.deepEqual([ours.code, ours.stdout.slice(0, 28)], [1, 'ALTERED  CHECKPOINT_MISSING ']);
  writeFileSync(join(at.store, 'FORMAT'), 'slmaudit-store/9\n');
  const newer = await check();
  assert.deepEqual([newer.code, newer.stdout.slice(0, 26)], [2, 'UNKNOWN  WRITTEN_BY_NEWER ']);
  rmSync(join(at.store, 'log'), { recursive: true });
  writeFileSync(join(at.store, 'FORMAT'), 'PNG');
  const none = await check();
  assert.deepEqual([none.code, none.stdout], [2, '']);
});

test('the answers: 0 intact, 1 altered, 2 no store, 4 without any pin; --pin takes a pin or its file', async () => {
  const pin = (JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { pin: string }).pin;
  writeFileSync(box.path('pin.txt'), `${pin}\n`);
  const nowhere = box.path('nowhere');
  for (const [args, code] of [
    [['verify'], 0],
    [['verify', '--keys', nowhere], 4],
    [['verify', '--keys', nowhere, '--pin', pin], 0],
    [['verify', '--keys', nowhere, '--pin', box.path('pin.txt')], 0],
    [['verify', '--pin', pin.replace(/.$/, c => (c === '0' ? '1' : '0'))], 1],
    [['verify', '--pin', 'nonsense'], 2],
    [['verify', '--store', nowhere], 2],
  ] as const) {
    assert.equal((await box.run(args)).code, code, args.join(' '));
  }
  assert.ok(!existsSync(nowhere));
});

test('what this user may not read could not be checked; all else is, and the worst of it is the answer', async t => {
  if (process.getuid?.() !== 0) return t.skip('only root can become somebody who may not read them');
  const at = copy();
  execFileSync('chmod', ['-R', 'a+rX', join(at.store, '..')]);
  chmodSync(box.folder, 0o711);
  const args = ['verify', '--format', 'json', '--store', at.store, '--keys', box.path('none')];
  const as = async (): Promise<[code: number | null, ...found: string[]]> => {
    const { code, stdout } = await box.start(args, { cwd: '/', uid: 65_534 }).done;
    const { findings: all = [] } = JSON.parse(stdout || '{}') as Partial<Report>;
    return [code, ...all.map(f => `${f.code} ${f.segment ?? ''}`.trim())];
  };
  if ((await as())[0] !== 4) return t.skip('nobody else may read this checkout');
  const refuse = (file: string): void => chmodSync(join(at.store, file), 0);
  refuse(sealedAt);
  refuse('quarantine/00000003.ndjson');
  refuse('open');
  refuse('FORMAT');
  const unread = ['NOT_READABLE', 'NOT_READABLE 0', 'NOT_READABLE 3', 'NOT_READABLE'];
  assert.deepEqual(await as(), [2, ...unread]);
  appendFileSync(join(at.store, sealedAt.replace('00000000', '00000001')), 'x');
  const altered = unread.toSpliced(2, 0, 'PAYLOAD_ALTERED 1');
  assert.deepEqual(await as(), [1, ...altered]);
  refuse(box.files().find(f => /^log\/tile\/entries\/000\.p\/\d+$/.test(f))!);
  // Nothing says that entries which can't be read were altered, nor of which segments the files are.
  assert.deepEqual(await as(), [2, 'NOT_READABLE', 'NOT_READABLE']);
});

test('what an interrupted seal has left is said and is no finding', async () => {
  const at = copy();
  writeFileSync(join(at.store, 'log', '.tmp-0123456789abcdef'), 'x');
  writeFileSync(
    join(at.store, 'records', `sealed_on=${new Date().toISOString().slice(0, 10)}`, '00000004.parquet'),
    'x',
  );
  const store = openStore(at.store, at.keys);
  const { findings: found, pending } = await verify(store, { records: false });
  assert.deepEqual([found, pending.map(p => p.kind).sort()], [[], ['temporary', 'uncommitted']]);
  assert.equal((await box.run(['seal', '--store', at.store, '--keys', at.keys])).code, 0);
  assert.deepEqual((await verify(store, { records: false })).pending, []);
});

test('an auditor without keys is told when the log is shorter than, or another one than, what was verified before', async () => {
  const remember = box.path('heads');
  const pin = readPin(openStore(whole.store, whole.keys).keys)!;
  const codes = async (at: typeof whole): Promise<string[]> =>
    (await verify(openStore(at.store, box.path('no-keys')), { records: false, pin, remember })).findings.map(
      f => f.code,
    );
  const [shorter, other] = [copy(), copy()];
  rewritten(shorter, notes => notes.slice(0, 4));
  assert.ok(!(await codes(shorter)).includes('ROLLBACK'), 'nothing is known yet');
  assert.deepEqual(await codes(whole), []);
  assert.ok((await codes(shorter)).includes('ROLLBACK'));
  rewritten(other, notes => [...notes.slice(0, 4), notes[3]!]);
  assert.ok((await codes(other)).includes('FORK'));
});
