import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { textOf } from '../../src/duck/cell.ts';
import { quote, withEngine } from '../../src/duck/engine.ts';
import type { Cell, JobFile, QueryJob } from '../../src/duck/job.ts';
import { Reading } from '../../src/duck/reading.ts';
import { entryHash } from '../../src/log/entry.ts';
import { filesOf } from '../../src/query/files.ts';
import { keptPayloads } from '../../src/query/kept.ts';
import { type Answered, query, type QueryOptions } from '../../src/query/query.ts';
import {
  type Known,
  type KnownPayload,
  placeSegments,
  readKnown,
  writeKnown,
} from '../../src/store/known.ts';
import { fileIdentity } from '../../src/store/identity.ts';
import { payloadPath } from '../../src/store/layout.ts';
import { localPin, openStore, type Store } from '../../src/store/store.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';
import { notesOf, rewrite } from '../verify/forge.ts';

/**
 * Attacks on what a query reads and on what it remembers. The store is spoiled in place, since a copy's files are others: a warm cache is
 * what the attacker hopes for. Whoever can write the store can't write the home of who asks, but where it says so.
 */
const box = new Sandbox();
const known = box.path('known');
const at = { store: box.store, keys: box.keys, heads: '' };
const foreign = box.path('foreign');
let store: Store;
let genesis: Buffer;
let payloads: string[];
let early: string;

before(async () => {
  const run = async (args: readonly string[], input = ''): Promise<void> => {
    const done = await box.run(args, input);
    assert.equal(done.code, 0, done.stderr);
  };
  const other = ['--store', join(foreign, 'store'), '--keys', join(foreign, 'keys')];
  await run(['init', '--no-recovery', '--origin', 'test.example/other', ...other]);
  await run(['ingest', ...other], nativeLines(20));
  await run(['init', '--no-recovery', '--origin', 'test.example/log']);
  for (let s = 0; s < 3; s++) {
    if (s === 2) cpSync(box.store, (early = box.path('early')), { recursive: true });
    await run(['ingest'], nativeLines(20, s * 86_400).replaceAll(/"u-\d"/g, `"user-${s}"`));
  }
  store = openStore(box.store, box.keys);
  genesis = Buffer.from(entryHash(notesOf(at)[0]!));
  payloads = placeSegments(store.at, localPin(store), undefined).inventory.segments.map(s =>
    payloadPath(store.at, s.segment, s.at),
  );
  await new Promise(resolve => setTimeout(resolve, 2100));
  await warm();
});

after(() => box.remove());

/** The file of a segment, as a query is told of it. */
function fileOf(segment: number): JobFile {
  const placed = placeSegments(store.at, localPin(store), undefined);
  const wanted = { size: Infinity, fromSeq: 0, strict: true };
  return filesOf(store, placed.inventory, keptPayloads(placed.known, undefined), wanted).files[segment]!;
}

/** Until all payloads and their filters are remembered. */
async function warm(): Promise<void> {
  const isWarm = (): boolean => {
    const { payloads: all } = readKnown(known, genesis);
    return payloads.every((path, i) => {
      const kept = all.get(digestOf(i));
      return kept?.filter !== undefined && kept.identity === fileIdentity(statSync(path, { bigint: true }));
    });
  };
  for (let tries = 0; tries < 10 && !isWarm(); tries++) {
    assert.equal(await users(), '20 20 20');
    await ask("SELECT * FROM records WHERE user_id = 'user-1'");
    if (!isWarm()) await new Promise(resolve => setTimeout(resolve, 700));
  }
  assert.ok(isWarm(), 'nothing is remembered');
}

interface Asked extends Answered {
  readonly rows: readonly (readonly Cell[])[];
  readonly columns: readonly string[];
}

async function ask(sql: string, options: Partial<QueryOptions> = {}, onRows?: () => void): Promise<Asked> {
  const all: (readonly Cell[])[] = [];
  let names: readonly string[] = [];
  const answered = await query(
    store,
    { sql, parameters: {} },
    { memory: 2 ** 28, known, ...options },
    {
      columns: columns => {
        names = columns.map(c => c.name);
      },
      rows: rows => {
        all.push(...rows);
        onRows?.();
        return true;
      },
      end: () => undefined,
    },
  );
  return { ...answered, rows: all, columns: names };
}

const USERS = `SELECT string_agg(n, ' ' ORDER BY user_id) FROM (SELECT user_id, count(*)::VARCHAR n FROM records GROUP BY 1)`;
const users = async (options: Partial<QueryOptions> = {}): Promise<Cell> =>
  (await ask(USERS, options)).rows[0]![0]!;
/** The record of one user, found by their filter. */
const userOne = async (options: Partial<QueryOptions> = {}): Promise<Cell> =>
  (await ask("SELECT count(*) FROM records WHERE user_id = 'user-1'", options)).rows[0]![0]!;

/** In front of a payload's footer, where nothing lies that these questions read. */
const flip = (path: string): void => {
  const bytes = readFileSync(path);
  const footer = bytes.readUInt32LE(bytes.length - 8);
  bytes[bytes.length - 8 - footer - 4]! ^= 4;
  writeFileSync(path, bytes);
};
const knownFile = (): string => join(known, genesis.toString('hex'));
const filterFile = (segment: number): string =>
  join(
    known,
    'filters',
    readdirSync(join(known, 'filters')).find(name => name.startsWith(digestOf(segment)))!,
  );
const digestOf = (segment: number): string =>
  placeSegments(store.at, localPin(store), undefined).inventory.segments[segment]!.payload!.sha256;
/** As whoever has the key of what is remembered can write it. */
const remember = (edit: (known: Known) => Known): void =>
  writeKnown(known, genesis, edit(readKnown(known, genesis)));

interface Attack {
  readonly name: string;
  readonly run: () => void;
  /** It hopes for digests that are remembered of these very files. */
  readonly warm?: true;
  /** `CODE exit`, or what is answered to how many records the users have, and to those of user 1. */
  readonly answer: string;
  readonly strict?: string;
  /** With --allow-unverified: what it warns of. */
  readonly unverified?: string;
}

const ALTERED = 'PAYLOAD_ALTERED 1';
const MISSING = 'PAYLOAD_MISSING 1';
const RIGHT = '20 20 20, 20';

const ATTACKS: readonly Attack[] = [
  // The payloads
  {
    name: 'a bit of a payload flipped in place, its time put back',
    run: () => {
      const { atime, mtime } = statSync(payloads[1]!);
      flip(payloads[1]!);
      utimesSync(payloads[1]!, atime, mtime);
    },
    warm: true,
    answer: ALTERED,
    unverified: 'PAYLOAD_ALTERED segment 1',
  },
  {
    name: 'a payload replaced by another file of its size and time',
    run: () => {
      const { atime, mtime } = statSync(payloads[1]!);
      copyFileSync(payloads[1]!, `${payloads[1]!}.new`);
      flip(`${payloads[1]!}.new`);
      utimesSync(`${payloads[1]!}.new`, atime, mtime);
      renameSync(`${payloads[1]!}.new`, payloads[1]!);
    },
    warm: true,
    answer: ALTERED,
  },
  {
    name: 'two payloads that changed places',
    run: () => {
      renameSync(payloads[1]!, `${payloads[1]!}.x`);
      renameSync(payloads[0]!, payloads[1]!);
      renameSync(`${payloads[1]!}.x`, payloads[0]!);
    },
    answer: ALTERED,
  },
  {
    name: "a payload's place taken by another segment's",
    run: () => copyFileSync(payloads[0]!, payloads[1]!),
    answer: ALTERED,
    unverified: 'PAYLOAD_ALTERED segment 1',
  },
  {
    name: 'a payload that is a link to itself, elsewhere',
    run: () => {
      renameSync(payloads[1]!, box.path('moved'));
      symlinkSync(box.path('moved'), payloads[1]!);
    },
    answer: MISSING,
    unverified: 'PAYLOAD_MISSING segment 1',
  },
  {
    name: 'a payload that is a pipe',
    run: () => {
      rmSync(payloads[1]!);
      assert.equal(spawnSync('mkfifo', [payloads[1]!]).status, 0);
    },
    answer: ALTERED,
    unverified: 'PAYLOAD_ALTERED segment 1',
  },
  {
    name: 'a payload that is a folder',
    run: () => {
      rmSync(payloads[1]!);
      mkdirSync(payloads[1]!);
    },
    answer: ALTERED,
    unverified: 'PAYLOAD_ALTERED segment 1',
  },
  {
    name: 'a payload that is gone',
    run: () => rmSync(payloads[1]!),
    answer: MISSING,
    unverified: 'PAYLOAD_MISSING segment 1',
  },
  { name: 'a payload that is empty', run: () => truncateSync(payloads[1]!), answer: ALTERED },
  // The log
  {
    name: 'the store of an earlier day in place of it, read here before',
    run: () => {
      rmSync(box.store, { recursive: true });
      cpSync(early, box.store, { recursive: true });
    },
    answer: 'LOG_ALTERED 1',
    unverified: 'LOG_ALTERED the log has 3 entries, and had 4 when it was read here before',
  },
  {
    name: 'a log that goes another way since, under the real log key',
    run: () => {
      const notes = notesOf(at);
      const text = notes[2]!.toString('utf8').replace('lines pipe 20', 'lines pipe 21');
      rewrite(at, [...notes.slice(0, 2), Buffer.from(text), notes[3]!]);
    },
    answer: 'LOG_ALTERED 1',
  },
  {
    name: 'a span of a manifest narrowed, so that its records are left unread',
    run: () => {
      for (const name of readdirSync(join(box.store, 'log/tile/entries/000.p'))) {
        const path = join(box.store, 'log/tile/entries/000.p', name);
        writeFileSync(path, readFileSync(path, 'latin1').replaceAll('2026-05-02T', '2026-06-02T'), 'latin1');
      }
    },
    // What is remembered has the right one, and needs no old entry.
    answer: RIGHT,
    strict: 'LOG_ALTERED 1',
  },
  // What is remembered
  {
    name: 'what is remembered says the digest of an altered payload, without the key',
    run: () => {
      flip(payloads[1]!);
      const text = readFileSync(knownFile(), 'utf8');
      writeFileSync(knownFile(), text.replaceAll(/"identity":"[^"]*"/g, `"identity":"x"`));
    },
    answer: ALTERED,
  },
  {
    name: 'what is remembered says the digest of an altered payload, under a key of the thief',
    run: () => {
      flip(payloads[1]!);
      const kept = readKnown(known, genesis);
      const mine = box.path('mine');
      writeKnown(mine, genesis, kept);
      copyFileSync(join(mine, genesis.toString('hex')), knownFile());
    },
    answer: ALTERED,
  },
  {
    name: 'a filter emptied, to hide the records of a user',
    run: () => writeFileSync(filterFile(1), Buffer.alloc(statSync(filterFile(1)).size)),
    answer: RIGHT,
  },
  {
    name: "a filter's place taken by another's",
    run: () => copyFileSync(filterFile(0), filterFile(1)),
    answer: RIGHT,
  },
  {
    name: 'what is remembered of another log in its place',
    run: () => {
      const other = openStore(join(foreign, 'store'), join(foreign, 'keys'));
      const placed = placeSegments(other.at, localPin(other), undefined);
      writeKnown(known, placed.genesis, { log: placed.log, payloads: new Map() });
      copyFileSync(join(known, placed.genesis.toString('hex')), knownFile());
    },
    answer: RIGHT,
  },
  {
    name: 'what was remembered of a shorter log put back',
    run: () => {
      const other = openStore(early, box.keys);
      writeKnown(known, genesis, {
        log: placeSegments(other.at, undefined, undefined).log,
        payloads: new Map(),
      });
    },
    answer: RIGHT,
  },
  {
    name: 'the key gone, or empty',
    run: () => truncateSync(join(known, 'key')),
    answer: RIGHT,
  },
  {
    name: 'what is remembered is a link to a file of somebody else',
    run: () => {
      copyFileSync(knownFile(), box.path('linked'));
      rmSync(knownFile());
      symlinkSync(box.path('linked'), knownFile());
    },
    answer: RIGHT,
  },
  // With the key of what is remembered, which lies in the home of who asks: they can be told anything, but with --strict
  {
    name: "an altered payload whose digest is remembered, by whoever has the asker's home",
    run: () => {
      copyFileSync(payloads[0]!, payloads[1]!);
      const identity = fileIdentity(statSync(payloads[1]!, { bigint: true }));
      remember(k => ({
        ...k,
        payloads: new Map<string, KnownPayload>([[digestOf(1), { identity, at: Date.now() }]]),
      }));
    },
    answer: '40 20, 0',
    strict: ALTERED,
  },
  {
    name: "a filter that is remembered as empty, by whoever has the asker's home",
    run: () => {
      writeFileSync(filterFile(1), Buffer.alloc(8));
      const filter = 'af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc';
      remember(k => ({
        ...k,
        payloads: new Map([...k.payloads].map(([d, p]) => [d, d === digestOf(1) ? { ...p, filter } : p])),
      }));
    },
    answer: '20 20 20, 0',
    strict: RIGHT,
  },
  {
    name: "a segment that is left out of what is remembered, by whoever has the asker's home",
    run: () =>
      remember(k => {
        const { inventory, ...log } = k.log!;
        const segments = inventory.segments.filter(s => s.segment !== 1);
        return { ...k, log: { ...log, inventory: { ...inventory, segments } } };
      }),
    answer: '20 20, 0',
    strict: RIGHT,
  },
];

async function told(options: Partial<QueryOptions> = {}): Promise<string> {
  try {
    return `${textOf(await users(options))}, ${textOf(await userOne(options))}`;
  } catch (error) {
    const { code, exit } = error as { code?: string; exit?: number };
    return code === undefined ? String(error) : `${code} ${exit}`;
  }
}

for (const attack of ATTACKS) {
  test(`${attack.name}: ${attack.answer}${attack.strict ? `; with --strict ${attack.strict}` : ''}`, async () => {
    if (attack.warm) await warm();
    const whole = box.path('whole');
    for (const name of ['store', 'known'])
      cpSync(box.path(name), join(whole, name), { recursive: true, preserveTimestamps: true });
    const spoiled = box.path('spoiled');
    try {
      attack.run();
      cpSync(known, spoiled, { recursive: true });
      assert.equal(await told(), attack.answer);
      if (attack.strict !== undefined || attack.answer !== RIGHT) {
        rmSync(known, { recursive: true });
        renameSync(spoiled, known);
        assert.equal(await told({ strict: true }), attack.strict ?? attack.answer);
      }
      if (attack.unverified !== undefined) {
        const findings: (readonly string[])[] = [];
        const { rows, columns } = await ask('SELECT seq FROM records', {
          unverified: true,
          onPlan: plan => findings.push(plan.findings),
        });
        assert.deepEqual(findings, [[attack.unverified]]);
        assert.equal(columns.at(-1), 'unverified');
        assert.ok(rows.length >= 40 && rows.every(row => row.at(-1) === attack.unverified));
      }
    } finally {
      // The files are new ones: what was remembered of the old ones doesn't count.
      for (const name of ['store', 'known']) {
        rmSync(box.path(name), { recursive: true });
        renameSync(join(whole, name), box.path(name));
      }
      rmSync(spoiled, { recursive: true, force: true });
    }
  });
}

// While a query runs: behind the check, and before the first row is read.
const during = async (
  options: Partial<QueryOptions>,
  alter: () => void,
  back?: () => void,
): Promise<string> => {
  const spare = box.path('spare');
  copyFileSync(payloads[1]!, spare);
  try {
    const { rows } = await ask(USERS, { ...options, onPlan: alter }, back);
    return textOf(rows[0]![0]!);
  } catch (error) {
    const { code, exit } = error as { code?: string; exit?: number };
    return `${code} ${exit}`;
  } finally {
    copyFileSync(spare, payloads[1]!);
  }
};

for (const [name, options] of [
  ['', {}],
  [', --strict', { strict: true }],
  [', --allow-unverified', { unverified: true }],
] as const)
  test(`a payload altered while it is read, put right again, or replaced${name}`, async () => {
    const bytes = readFileSync(payloads[1]!);
    const spoil = (): void => flip(payloads[1]!);
    assert.equal(await during(options, spoil), ALTERED);
    const heal = (): void => writeFileSync(payloads[1]!, bytes);
    assert.equal(await during(options, spoil, heal), 'PAYLOAD_TOUCHED 2');
    // The bytes that were checked are read, wherever the name leads by now.
    const swap = (): void => {
      copyFileSync(payloads[0]!, `${payloads[1]!}.new`);
      renameSync(`${payloads[1]!}.new`, payloads[1]!);
    };
    assert.equal(await during(options, swap), 'strict' in options ? 'PAYLOAD_TOUCHED 2' : '20 20 20');
    assert.equal(await users(options), '20 20 20');
  });

test('a remembered digest counts for a day, by a clock that went neither back nor far on', () => {
  const file = fileOf(1);
  const path = payloads[1]!;
  const identity = fileIdentity(statSync(path, { bigint: true }));
  const isRead = (agoMs: number, said = identity): boolean => {
    const reading = new Reading({ strict: false, findings: [] } as unknown as QueryJob);
    reading.open({ ...file, known: { identity: said, at: Date.now() - agoMs } });
    reading.close();
    return reading.bytes > 0;
  };
  assert.deepEqual(
    [3_600_000, 86_300_000, 86_500_000, -60_000].map(ago => isRead(ago)),
    [false, false, true, true],
  );
  assert.ok(isRead(0, `${identity}1`), 'another file');
});

test('a file that was changed less than two seconds ago is not remembered, whatever its times say', () => {
  const file = fileOf(1);
  const path = payloads[1]!;
  writeFileSync(path, readFileSync(path));
  utimesSync(path, 1e9, 1e9);
  const reading = new Reading({ strict: false, findings: [] } as unknown as QueryJob);
  reading.open(file);
  reading.close();
  assert.deepEqual(reading.checked, []);
});

/** Maps a file, dirties a page, and alters it on a line of input; says first if the file system shows writes behind fdatasync. */
const MAPPER = `
import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR); m = mmap.mmap(fd, os.fstat(fd).st_size); at = len(m) // 2
m[at] = m[at]; os.fdatasync(fd); before = os.fstat(fd).st_ctime_ns; time.sleep(.05)
m[at] = m[at]; print(os.fstat(fd).st_ctime_ns != before, flush=True)
sys.stdin.readline(); m[at] ^= 4; print('altered', flush=True); sys.stdin.readline()`;

test("a payload that somebody has mapped can't be altered behind its check unseen", async t => {
  const spare = readFileSync(payloads[1]!);
  const mapper = spawn('python3', ['-c', MAPPER, payloads[1]!], { stdio: ['pipe', 'pipe', 'ignore'] });
  const exists = await new Promise<boolean>(resolve =>
    mapper.once('spawn', () => resolve(true)).once('error', () => resolve(false)),
  );
  if (!exists) return t.skip('no python3 to map a file with');
  const lines = createInterface({ input: mapper.stdout })[Symbol.asyncIterator]();
  try {
    const [shows] = [String((await lines.next()).value)];
    if (!shows.startsWith('True')) return t.skip('this file system keeps no times of mapped writes');
    await new Promise(resolve => setTimeout(resolve, 2100));
    await warm();
    mapper.stdin.write('\n');
    assert.match(String((await lines.next()).value), /altered/);
    assert.equal(await told(), ALTERED);
  } finally {
    mapper.kill('SIGKILL');
    writeFileSync(payloads[1]!, spare);
  }
});

test('--allow-unverified says so in every format, in every row and beside it', async () => {
  const whole = readFileSync(payloads[1]!);
  // A byte that the query doesn't read.
  const spoiled = Buffer.from(whole);
  spoiled[5]! ^= 1;
  writeFileSync(payloads[1]!, spoiled);
  const sql = 'select seq, seq + 1 as next from records order by seq';
  const finding = 'PAYLOAD_ALTERED segment 1';
  const file = box.path('answer.parquet');
  const formats = ['json', 'ndjson', 'csv', 'markdown', 'html', 'table', 'parquet'];
  const runs = await Promise.all(
    formats.map(format =>
      box.run([
        'query',
        sql,
        '--allow-unverified',
        '--format',
        format,
        ...(format === 'parquet' ? ['-o', file] : []),
      ]),
    ),
  );
  writeFileSync(payloads[1]!, whole);
  for (const [i, { code, stdout, stderr }] of runs.entries()) {
    assert.equal(code, 0, stderr);
    assert.match(stderr, /not verified: PAYLOAD_ALTERED segment 1/, formats[i]);
    if (formats[i] === 'parquet') continue;
    const rows = stdout.split(/PAYLOAD.{0,4}ALTERED segment 1/).length - 1;
    assert.equal(rows, 60, formats[i]);
    assert.match(stdout, /unverified/);
  }
  const marks = await withEngine({}, async db =>
    (
      await db.runAndReadAll(`SELECT unverified, count(*) FROM read_parquet(${quote(file)}) GROUP BY 1`)
    ).getRows(),
  );
  assert.deepEqual(marks, [[finding, 60n]]);
});
