import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Entry, entryHash, formatEntry } from '../../src/log/entry.ts';
import type { Pin } from '../../src/log/pin.ts';
import { parseSegment, segmentLines } from '../../src/log/segment.ts';
import { parseNote } from '../../src/note/note.ts';
import { readPin } from '../../src/store/keys.ts';
import { payloadPath, quarantinePath } from '../../src/store/layout.ts';
import type { FindingCode } from '../../src/verify/finding.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';
import {
  appendEntry,
  appendSegment,
  copyOf,
  currentKey,
  entryOf,
  notesOf,
  opened,
  ownKey,
  type Place,
  resigned,
  rewrite,
  signed,
  withSegment,
} from './forge.ts';

/**
 * Every attack on what is on disk, and what verify calls it. The attacker can write the store; where it says so, they
 * also hold today's keys (log key, epoch key, record key) and any program. Erased epoch keys nobody holds.
 */
export const box: Sandbox = new Sandbox();
export let whole: Place;
let earlier: Place;
let foreign: Place;
export let pin: Pin;

/** Makes the store that is attacked, an earlier copy of it, and another one. */
export async function prepare(): Promise<void> {
  const at = (name: string): Place => {
    const folder = box.path(name);
    return { store: join(folder, 'store'), keys: join(folder, 'keys'), heads: join(folder, 'heads') };
  };
  const run = async ({ store, keys }: Place, args: readonly string[], input = ''): Promise<void> => {
    const done = await box.run([...args, '--store', store, '--keys', keys], input);
    assert.ok(done.code === 0 || done.code === 3, done.stderr);
  };
  [whole, foreign] = [at('whole'), at('foreign')];
  await run(whole, ['init', '--no-recovery', '--origin', 'test.example/log']);
  await run(foreign, ['init', '--no-recovery', '--origin', 'test.example/other']);
  await run(foreign, ['ingest'], nativeLines(20));
  await run(whole, ['ingest'], nativeLines(20));
  await run(whole, ['ingest'], nativeLines(20, 100));
  earlier = copyOf(whole, box.path('earlier'));
  await run(whole, ['ingest'], `no json\n${nativeLines(20, 200)}`);
  await run(whole, ['ingest'], nativeLines(20, 300));
  pin = readPin(opened(whole).keys)!;
}

const payload = (at: Place, segment: number): string => {
  const { at: layout } = opened(at);
  return payloadPath(layout, segment, entryOf(notesOf(at)[segment + 1]!).at);
};
const change = (path: string, edit: (bytes: Buffer) => Buffer): void => {
  const bytes = edit(readFileSync(path));
  rmSync(path);
  writeFileSync(path, bytes);
};
const flipped = (bytes: Buffer): Buffer => {
  bytes[bytes.length >> 1]! ^= 4;
  return bytes;
};
const bundle = (at: Place): string => join(at.store, 'log/tile/entries/000.p', String(notesOf(at).length));
const tile = (at: Place): string => join(at.store, 'log/tile/0/000.p', String(notesOf(at).length));
const checkpoint = (at: Place): string => join(at.store, 'log/checkpoint');
/** The store of an earlier day under today's keys. */
const rolledBack = (at: Place): void => {
  rmSync(at.store, { recursive: true });
  cpSync(earlier.store, at.store, { recursive: true });
};
/** An entry as text, changed, under the signature it had. */
const edited = (notes: Buffer[], index: number, from: RegExp, to: string): Buffer[] =>
  notes.with(index, Buffer.from(notes[index]!.toString('utf8').replace(from, to)));
const signedText = (at: Place, edit: (text: string) => string): void => {
  const notes = notesOf(at);
  const last = entryOf(notes.at(-1)!);
  const text = formatEntry({
    ...last,
    index: last.index + 1,
    prev: entryHash(notes.at(-1)!),
    next: ownKey(last.index + 2),
  });
  rewrite(at, [...notes, signed(edit(text), currentKey(at))]);
};

export interface Attack {
  readonly name: string;
  readonly codes: readonly FindingCode[];
  readonly run: (at: Place) => void | Promise<void>;
  /** With --records. */
  readonly records?: true;
  /** Verified by somebody who has the pin and nothing else: no keys, nothing remembered. */
  readonly alone?: true;
}

const SQL_EDIT = `SELECT * REPLACE (CASE WHEN request_id LIKE '%3' THEN 'x' ELSE request_id END AS request_id) FROM t`;

export const ATTACKS: readonly Attack[] = [
  // Records
  {
    name: 'a bit of a payload flipped',
    codes: ['PAYLOAD_ALTERED'],
    run: at => change(payload(at, 1), flipped),
  },
  {
    name: 'bytes behind a payload',
    codes: ['PAYLOAD_ALTERED'],
    run: at => appendFileSync(payload(at, 1), '\n'),
  },
  {
    name: 'a payload cut short',
    codes: ['PAYLOAD_ALTERED'],
    run: at => change(payload(at, 1), b => b.subarray(0, -9)),
  },
  { name: 'a payload missing', codes: ['PAYLOAD_MISSING'], run: at => rmSync(payload(at, 1)) },
  {
    name: 'two payloads swapped',
    codes: ['PAYLOAD_ALTERED'],
    run: at => {
      renameSync(payload(at, 0), `${at.store}/x`);
      renameSync(payload(at, 1), payload(at, 0));
      renameSync(`${at.store}/x`, payload(at, 1));
    },
  },
  {
    name: 'a payload of another log in its place',
    codes: ['PAYLOAD_ALTERED'],
    run: at => cpSync(payload(foreign, 0), payload(at, 0)),
  },
  {
    name: 'a payload that is a symbolic link',
    codes: ['PAYLOAD_MISSING'],
    run: at => {
      renameSync(payload(at, 1), join(at.keys, 'moved'));
      symlinkSync(join(at.keys, 'moved'), payload(at, 1));
    },
  },
  {
    name: 'a payload that is a pipe',
    codes: ['PAYLOAD_MISSING'],
    run: at => {
      rmSync(payload(at, 1));
      assert.equal(spawnSync('mkfifo', [payload(at, 1)]).status, 0);
    },
  },
  {
    name: 'a payload that is a folder',
    codes: ['PAYLOAD_MISSING'],
    run: at => {
      rmSync(payload(at, 1));
      mkdirSync(payload(at, 1));
    },
  },
  {
    name: 'all records in a folder behind a symbolic link to another store',
    codes: ['PAYLOAD_ALTERED', 'PAYLOAD_MISSING', 'STRAY_FILE'],
    run: at => {
      rmSync(join(at.store, 'records'), { recursive: true });
      symlinkSync(join(foreign.store, 'records'), join(at.store, 'records'));
    },
  },
  {
    name: 'a payload and rejected lines that are said to have terabytes, and take no room',
    codes: ['PAYLOAD_ALTERED', 'QUARANTINE_ALTERED'],
    run: at => {
      for (const path of [payload(at, 1), quarantinePath(opened(at).at, 2)]) truncateSync(path, 2 ** 42);
    },
  },
  {
    name: 'rejected lines altered',
    codes: ['QUARANTINE_ALTERED'],
    run: at => change(quarantinePath(opened(at).at, 2), flipped),
  },
  {
    name: 'rejected lines missing',
    codes: ['QUARANTINE_MISSING'],
    run: at => rmSync(quarantinePath(opened(at).at, 2)),
  },
  // Records that whoever seals now has changed under an honest root: seen by --records
  ...(
    [
      ['a record edited', SQL_EDIT],
      ['a record deleted', 'SELECT * FROM t LIMIT 19'],
      ['a record inserted', 'SELECT * FROM t UNION ALL (SELECT * FROM t LIMIT 1)'],
      [
        'a record there twice, another gone',
        '(SELECT * FROM t LIMIT 19) UNION ALL (SELECT * FROM t LIMIT 1)',
      ],
      ['records in another order', 'SELECT * FROM t ORDER BY ts DESC'],
      ['a column added', 'SELECT *, 1 AS more FROM t'],
      ['a column gone', 'SELECT * EXCLUDE (user_agent) FROM t'],
      ['columns in another order', 'SELECT request_id, * EXCLUDE (request_id) FROM t'],
      ['a column of another type', 'SELECT * REPLACE (output_tokens::INTEGER AS output_tokens) FROM t'],
      [
        'a row that is said to be redacted',
        `SELECT * REPLACE (CASE WHEN request_id LIKE '%3' THEN sha256('x')::BLOB END AS redacted_leaf) FROM t`,
      ],
      [
        'a row without its time',
        `SELECT * REPLACE (CASE WHEN request_id NOT LIKE '%3' THEN ts END AS ts) FROM t`,
      ],
      ['a row of another schema version', 'SELECT * REPLACE (2::SMALLINT AS v) FROM t'],
      ['a byte behind each id', `SELECT * REPLACE (event_id || 'x'::BLOB AS event_id) FROM t`],
      ['an empty text where there was none', `SELECT * REPLACE ('' AS user_agent) FROM t`],
    ] as const
  ).map(([what, sql]): Attack => ({
    name: `${what}, sealed so with today's keys`,
    codes: ['RECORDS_MISMATCH'],
    run: at => appendSegment(at, { sql }),
    records: true,
  })),
  {
    name: "a file that is no Parquet, sealed so with today's keys",
    codes: ['PAYLOAD_UNREADABLE'],
    run: at => appendSegment(at, { bytes: Buffer.from('PAR1 no PAR1') }),
    records: true,
  },
  {
    name: "a damaged Parquet file, sealed so with today's keys",
    codes: ['PAYLOAD_UNREADABLE'],
    run: at => {
      const bytes = readFileSync(payload(at, 1));
      return appendSegment(at, { bytes: bytes.fill(0, bytes.length - 400, bytes.length - 200) });
    },
    records: true,
  },
  // Entries
  {
    name: 'an entry edited under its signature, tiles and checkpoint made anew',
    codes: ['ENTRY_SIGNATURE', 'ENTRY_CHAIN', 'FORK'],
    run: at => rewrite(at, edited(notesOf(at), 2, /^lines pipe 20/m, 'lines pipe 21')),
  },
  {
    name: 'an entry edited, log key unknown',
    codes: ['ENTRY_SIGNATURE', 'ENTRY_CHAIN', 'ROOT_MISMATCH', 'FORK'],
    run: at =>
      change(bundle(at), b =>
        Buffer.from(b.toString('latin1').replace('lines pipe 20', 'lines pipe 21'), 'latin1'),
      ),
  },
  {
    name: "an old record's root edited and signed with today's keys",
    codes: ['PAYLOAD_ALTERED', 'ENTRY_SIGNATURE', 'ENTRY_CHAIN', 'FORK'],
    run: at => {
      const notes = notesOf(at);
      const entry = withSegment(entryOf(notes[2]!), { payload: { sha256: '0'.repeat(64), bytes: 1 } });
      const key = { ...currentKey(at), name: 'test.example/log/e/2' };
      rewrite(at, notes.with(2, signed(formatEntry(entry), key)));
      writeFileSync(payload(at, 1), 'x');
    },
  },
  {
    name: "yesterday rewritten to the end by keys of the thief's own",
    codes: ['ENTRY_SIGNATURE', 'FORK'],
    run: at =>
      rewrite(
        at,
        resigned(notesOf(at), 2, e => (e.index === 2 ? withSegment(e, { batch: 'f'.repeat(32) }) : e)),
      ),
  },
  {
    name: 'yesterday rewritten to the end, seen by an auditor who has the pin alone',
    codes: ['ENTRY_SIGNATURE'],
    run: at =>
      rewrite(
        at,
        resigned(notesOf(at), 2, e => (e.index === 2 ? withSegment(e, { batch: 'f'.repeat(32) }) : e)),
      ),
    alone: true,
  },
  {
    name: "cut, and continued by keys of the thief's own",
    codes: ['ENTRY_SIGNATURE', 'FORK', 'STRAY_FILE'],
    run: at => {
      rmSync(payload(at, 3));
      rmSync(payload(at, 2));
      const kept = notesOf(at).slice(0, 3);
      for (let i = 3; i < 7; i++) {
        const entry = { ...heartbeat(entryOf(kept[i - 1]!), String(i)), index: i };
        const text = formatEntry({ ...entry, prev: entryHash(kept[i - 1]!), next: ownKey(i + 1) });
        kept.push(signed(text, ownKey(i)));
      }
      rewrite(at, kept);
    },
  },
  {
    name: 'an entry taken out of the middle',
    codes: [
      'ENTRY_PLACE',
      'ENTRY_SIGNATURE',
      'ENTRY_CHAIN',
      'SEGMENT_NUMBER',
      'SEGMENT_FIRST',
      'ROLLBACK',
      'STRAY_FILE',
    ],
    run: at => rewrite(at, notesOf(at).toSpliced(2, 1)),
  },
  {
    name: 'an entry there twice',
    codes: [
      'ENTRY_PLACE',
      'ENTRY_SIGNATURE',
      'ENTRY_CHAIN',
      'SEGMENT_NUMBER',
      'SEGMENT_FIRST',
      'SEGMENT_BATCH',
      'FORK',
    ],
    run: at => rewrite(at, notesOf(at).toSpliced(2, 0, notesOf(at)[2]!)),
  },
  {
    name: 'two entries swapped',
    codes: [
      'ENTRY_PLACE',
      'ENTRY_TIME',
      'ENTRY_SIGNATURE',
      'ENTRY_CHAIN',
      'SEGMENT_NUMBER',
      'SEGMENT_FIRST',
      'FORK',
    ],
    run: at => {
      const notes = notesOf(at);
      rewrite(at, [...notes.slice(0, 2), notes[3]!, notes[2]!, notes[4]!]);
    },
  },
  {
    name: 'an entry of another log put in',
    codes: [
      'STRAY_FILE',
      'ENTRY_PLACE',
      'ENTRY_TIME',
      'ENTRY_SIGNATURE',
      'ENTRY_CHAIN',
      'SEGMENT_NUMBER',
      'SEGMENT_FIRST',
      'PAYLOAD_ALTERED',
      'FORK',
    ],
    run: at => rewrite(at, notesOf(at).with(2, notesOf(foreign)[1]!)),
  },
  {
    name: 'an entry without its signature',
    codes: [
      'ENTRY_MALFORMED',
      'ENTRY_CHAIN',
      'SEGMENT_NUMBER',
      'SEGMENT_FIRST',
      'ENTRY_SIGNATURE',
      'FORK',
      'STRAY_FILE',
    ],
    run: at => {
      const notes = notesOf(at);
      rewrite(at, notes.with(2, Buffer.from(`${parseNote(notes[2]!).text}\n`)));
    },
  },
  {
    name: 'a second signature on an entry',
    codes: ['ENTRY_SIGNATURE', 'ENTRY_CHAIN', 'FORK'],
    run: at => {
      const notes = notesOf(at);
      const more = signed(parseNote(notes[2]!).text, ownKey(2)).toString('utf8').split('\n\n')[1]!;
      rewrite(at, notes.with(2, Buffer.concat([notes[2]!, Buffer.from(more)])));
    },
  },
  // What the holder of today's keys and of a program of their own can put behind the log
  {
    name: "an entry that is older than the one before it, with today's keys",
    codes: ['ENTRY_TIME'],
    run: at => appendEntry(at, last => ({ ...heartbeat(last), at: '2020-01-01T00:00:00.000000Z' })),
  },
  {
    name: "a clock that is said to have gone back and hadn't, with today's keys",
    codes: ['ENTRY_CLOCK', 'ENTRY_FUTURE'],
    run: at =>
      appendEntry(at, last => ({
        ...heartbeat(last),
        at: '2999-01-01T00:00:00.000000Z',
        clock: '2999-01-01T00:00:00.000000Z',
      })),
  },
  {
    name: "a segment numbered out of order, with today's keys",
    codes: ['SEGMENT_NUMBER'],
    run: at => appendEntry(at, last => withSegment(heartbeat(last), { segment: 9 })),
  },
  {
    name: "records left out between segments, with today's keys",
    codes: ['SEGMENT_FIRST'],
    run: at => appendEntry(at, last => withSegment(heartbeat(last), { first: 99 })),
  },
  {
    name: "an open segment sealed twice, with today's keys",
    codes: ['SEGMENT_BATCH'],
    run: at => appendEntry(at, last => withSegment(heartbeat(last), { batch: parseSegment(last).batch })),
  },
  {
    name: 'an open segment sealed in part, and the rest of it left out',
    codes: ['PART_MISSING'],
    run: at =>
      appendEntry(at, last =>
        withSegment(heartbeat(last), { batch: 'ef'.repeat(16), part: { index: 0, of: 2 } }),
      ),
  },
  {
    name: "a carriage return in an entry, with today's keys",
    codes: ['ENTRY_MALFORMED'],
    run: at => signedText(at, text => text.replace('\n', '\r\n')),
  },
  {
    name: "a line separator of Unicode in an entry, with today's keys",
    codes: ['ENTRY_MALFORMED'],
    run: at => signedText(at, text => text.replace('class default', 'class\u2028default')),
  },
  {
    name: "lines of a source that don't add up, with today's keys",
    codes: ['ENTRY_MALFORMED'],
    run: at => signedText(at, text => text.replace('lines pipe 20 20', 'lines pipe 20 19')),
  },
  // The log's files
  { name: 'the checkpoint missing', codes: ['CHECKPOINT_MISSING'], run: at => rmSync(checkpoint(at)) },
  {
    name: 'the checkpoint without signature',
    codes: ['CHECKPOINT_MALFORMED'],
    run: at => change(checkpoint(at), b => Buffer.from(`${parseNote(b).text}\n`)),
  },
  {
    name: 'a checkpoint of a megabyte',
    codes: ['CHECKPOINT_MALFORMED'],
    run: at => appendFileSync(checkpoint(at), '— a b\n'.repeat(200_000)),
  },
  {
    name: 'a checkpoint that is a symbolic link',
    codes: ['CHECKPOINT_MALFORMED'],
    run: at => {
      renameSync(checkpoint(at), join(at.keys, 'moved'));
      symlinkSync(join(at.keys, 'moved'), checkpoint(at));
    },
  },
  {
    name: 'bytes behind the checkpoint',
    codes: ['CHECKPOINT_MALFORMED'],
    run: at => appendFileSync(checkpoint(at), 'x'),
  },
  { name: 'a bit of a tile flipped', codes: ['TILE_ALTERED'], run: at => change(tile(at), flipped) },
  { name: 'bytes behind a tile', codes: ['TILE_ALTERED'], run: at => appendFileSync(tile(at), 'x') },
  { name: 'a tile missing', codes: ['TILE_MISSING'], run: at => rmSync(tile(at)) },
  {
    name: 'bytes behind a bundle',
    codes: ['ENTRY_MISSING', 'ROOT_MISMATCH', 'STRAY_FILE'],
    run: at => appendFileSync(bundle(at), 'x'),
  },
  {
    name: 'a bundle missing',
    codes: ['ENTRY_MISSING', 'ROOT_MISMATCH', 'STRAY_FILE'],
    run: at => rmSync(bundle(at)),
  },
  {
    name: 'FORMAT of a newer program',
    codes: ['WRITTEN_BY_NEWER'],
    run: at => writeFileSync(join(at.store, 'FORMAT'), 'slmaudit-store/2\n'),
  },
  {
    name: 'FORMAT without an end',
    codes: ['FORMAT_ALTERED'],
    run: at => truncateSync(join(at.store, 'FORMAT'), 2 ** 40),
  },
  {
    name: 'FORMAT altered',
    codes: ['FORMAT_ALTERED'],
    run: at => writeFileSync(join(at.store, 'FORMAT'), 'slmaudit-store/1\r\n'),
  },
  {
    name: 'a file that belongs to nothing',
    codes: ['STRAY_FILE'],
    run: at => writeFileSync(join(at.store, 'records/notes.txt'), 'x'),
  },
  // The whole store
  { name: 'the store rolled back, the keys not', codes: ['ROLLBACK'], run: rolledBack },
  {
    name: 'store and keys rolled back, seen by a verifier that remembers',
    codes: ['ROLLBACK'],
    run: at => {
      rolledBack(at);
      rmSync(at.keys, { recursive: true });
      cpSync(earlier.keys, at.keys, { recursive: true });
    },
  },
  {
    name: 'another log of the same name under another key',
    codes: ['CHECKPOINT_SIGNATURE', 'GENESIS_MISMATCH', 'FORK'],
    run: async at => {
      rmSync(at.store, { recursive: true });
      const fake = box.path('fake');
      for (const args of [['init', '--no-recovery', '--origin', 'test.example/log'], ['ingest']])
        await box.run([...args, '--store', at.store, '--keys', fake], nativeLines(100));
      for (let i = 0; i < 4; i++)
        await box.run(['ingest', '--store', at.store, '--keys', fake], nativeLines(1, i));
      rmSync(fake, { recursive: true });
    },
  },
];

/** A segment of nothing, behind this entry. */
function heartbeat(last: Entry, batch = 'e'): Entry {
  const before = parseSegment(last);
  const { payload: _payload, span: _span, rejected: _rejected, ...rest } = before;
  const empty = {
    ...last,
    records: { count: 0, root: Buffer.from('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', 'base64') },
  };
  return withSegmentOf(empty, {
    ...rest,
    segment: before.segment + 1,
    first: before.first + last.records!.count,
    batch: batch.repeat(32),
    lines: [],
    sources: [],
  });
}

function withSegmentOf(entry: Entry, segment: Parameters<typeof segmentLines>[0]): Entry {
  return { ...entry, lines: segmentLines(segment) };
}
