import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { guard } from '../../src/duck/guard.ts';
import type { QueryJob } from '../../src/duck/job.ts';
import { PAYLOAD_COLUMNS } from '../../src/duck/lines.ts';
import { bytesCondition, needsOf } from '../../src/duck/needs.ts';
import { choose, makeFilters, type Opened } from '../../src/duck/reading.ts';
import { CREATE_IP_KEY, createView } from '../../src/duck/view.ts';
import { COLUMNS } from '../../src/record/schema.ts';

/**
 * What is left unread must not be missed: each query is answered from all payloads, and from those alone that its WHERE
 * can need. Two days a payload, users, addresses and prompts that are in some payloads only, instants that lie on their ends.
 */
const SEGMENTS = 12;
const RECORDS = 6;
const folder = mkdtempSync(join(tmpdir(), 'slmaudit-needs-'));
const filters = join(folder, 'filters');
let opened: Opened[] = [];
let job: QueryJob;
let all: DuckDBConnection;
let some: DuckDBConnection;
let finish: () => void;
let done: Promise<unknown>;

/** Microseconds of a record: the first and the last of a payload lie on the ends of a day. */
const micros = (segment: number, record: number): number =>
  (Date.UTC(2026, 4, 1) / 1000 + segment * 2 * 86_400) * 1e6 +
  (record === RECORDS - 1 ? 2 * 86_400_000_000 - 1 : record * 7_200_000_123);
const userOf = (segment: number, record: number): string | null =>
  record === 3 ? null : ['ana', 'Ana', `u-${segment}`, `u-${(segment * 5 + record) % 9}`][record % 4]!;
const hashOf = (segment: number, record: number): string | null =>
  record === 2 ? null : ((segment * 3 + record) % 20).toString(16).padStart(2, '0').repeat(32);
const idOf = (segment: number, record: number): string =>
  (segment * 100 + record).toString(16).padStart(32, '0');

before(async () => {
  let ready: () => void = () => undefined;
  const isReady = new Promise<void>(resolve => (ready = resolve));
  const isDone = new Promise<void>(resolve => (finish = resolve));
  done = withEngine({ threads: 1 }, first =>
    withEngine({ threads: 1 }, async second => {
      [all, some] = [first, second];
      await makePayloads(first);
      for (const db of [first, second]) await db.run(CREATE_IP_KEY);
      await first.run(createView({ opened, open: undefined, below: undefined, where: undefined }));
      ready();
      await isDone;
    }),
  );
  await Promise.race([isReady, done]);
});

after(async () => {
  finish();
  await done;
  rmSync(folder, { recursive: true });
});

async function makePayloads(db: DuckDBConnection): Promise<void> {
  const text = (value: string | null): string => (value === null ? 'NULL' : quote(value));
  for (let s = 0; s < SEGMENTS; s++) {
    const rows = Array.from({ length: RECORDS }, (_, r) => {
      const values: Record<string, string> = {
        event_id: `unhex(${quote(idOf(s, r))})`,
        ts: `make_timestamptz(${micros(s, r)})`,
        user_id: text(userOf(s, r)),
        client_ip: text(r === 1 ? null : `192.0.2.${(s + r) % 10}`),
        api_key_id: text(`key-${(s * r) % 4}`),
        prompt_hash: hashOf(s, r) === null ? 'NULL' : `unhex(${text(hashOf(s, r))})`,
        last_user_hash: `unhex(${quote('ab'.repeat(32))})`,
        model: quote(s % 2 ? 'ana' : 'qwen'),
        status: quote(r % 3 ? 'ok' : 'error'),
        output_tokens: String(s * 10 + r),
      };
      return `SELECT ${PAYLOAD_COLUMNS.map(c => `${values[c.name] ?? 'NULL'}::${c.type} AS "${c.name}"`).join(', ')}`;
    });
    const name = join(folder, `${s}.parquet`);
    await db.run(`COPY (${rows.join(' UNION ALL ')}) TO ${quote(name)} (FORMAT parquet)`);
    const instant = (r: number): string =>
      new Date(micros(s, r) / 1000)
        .toISOString()
        .replace(/Z$/, `${String(micros(s, r) % 1000).padStart(3, '0')}Z`);
    opened.push({
      fd: -1,
      name,
      identity: '',
      isSame: true,
      file: {
        sha256: s.toString(16).padStart(64, '0'),
        bytes: 1,
        isRestated: false,
        path: name,
        span: { from: instant(0), to: instant(RECORDS - 1) },
        segments: [{ segment: s, first: s * RECORDS, records: RECORDS, root: '' }],
      },
    });
  }
  const made = await makeFilters(db, opened, filters, 60_000);
  assert.equal(made.length, SEGMENTS);
  opened = opened.map((o, i) => ({
    ...o,
    file: { ...o.file, known: { identity: '', at: 0, filter: made[i]!.filter! } },
  }));
  job = { files: opened.map(o => o.file), filters } as unknown as QueryJob;
}

type Given = Readonly<Record<string, string>>;

async function rowsOf(db: DuckDBConnection, sql: string, given: Given): Promise<string[]> {
  const prepared = await db.prepare(sql);
  for (let i = 1; i <= prepared.parameterCount; i++)
    prepared.bindVarchar(i, given[prepared.parameterName(i)]!);
  const rows = (await prepared.runAndReadAll()).getRows();
  return rows.map(row => JSON.stringify(row.map(String))).sort();
}

interface Both {
  /** Undefined: the engine can't answer it. */
  readonly whole: readonly string[] | undefined;
  readonly pruned: readonly string[] | undefined;
  readonly left: number;
}

async function both(sql: string, given: Given): Promise<Both> {
  const asked = await needsOf(some, await guard(some, sql), given, ['records']);
  const { read } = choose(job, asked);
  const view = createView({
    opened: read.map(f => opened[f.segments[0]!.segment]!),
    open: undefined,
    below: undefined,
    where: bytesCondition(asked),
  });
  await some.run(view.replace('CREATE', 'CREATE OR REPLACE'));
  const whole = await rowsOf(all, sql, given).catch(() => undefined);
  // A record that is left unread can't be the reason of an error any more; never the other way about.
  const pruned = whole && (await rowsOf(some, sql, given));
  return { whole, pruned, left: SEGMENTS - read.length };
}

async function same(sql: string, given: Given = {}): Promise<number> {
  const { whole, pruned, left } = await both(sql, given);
  assert.notEqual(whole, undefined, `not answered: ${sql}`);
  assert.deepEqual(pruned, whole, sql);
  return left;
}

const DAY = (segment: number): string => new Date(micros(segment, 0) / 1000).toISOString().slice(0, 10);
const HASH = hashOf(4, 1)!;
const UUID = idOf(4, 1).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

test('what can be left unread is: a time, a user, an address, a key, a prompt, an id', async () => {
  assert.equal(await same(`SELECT * FROM records WHERE ts >= '${DAY(10)}'`), 10);
  assert.equal(await same(`SELECT * FROM records WHERE ts < '${DAY(1)}'`), 10);
  assert.ok((await same("SELECT * FROM records WHERE user_id = 'u-11'")) >= 10);
  assert.equal(await same("SELECT * FROM records WHERE user_id = 'nobody'"), SEGMENTS);
  assert.equal(await same('SELECT * FROM records WHERE user_id = $u', { u: 'nobody' }), SEGMENTS);
  assert.ok((await same(`SELECT * FROM records WHERE prompt_hash = '${HASH}'`)) >= 6);
  assert.equal(await same("SELECT * FROM records WHERE client_ip IN ('10.0.0.1', '10.0.0.2')"), SEGMENTS);
  assert.equal(await same(`SELECT * FROM records WHERE event_id = '${UUID}'`), 0);
});

/** The names of all columns, with two that have changed places. */
const SWAPPED = ['seq', ...COLUMNS.map(c => c.name)]
  .map(name => (name === 'user_id' ? 'model' : name === 'model' ? 'user_id' : name))
  .join(', ');

/** Each was, or could be, a way to read less than is needed. */
const TRAPS: readonly string[] = [
  // A sample is drawn before WHERE.
  `SELECT count(*) FROM records WHERE ts >= '${DAY(6)}' USING SAMPLE reservoir(20 ROWS) REPEATABLE (7)`,
  `SELECT count(*) FROM records WHERE user_id = 'u-3' USING SAMPLE 30 ROWS (reservoir, 7)`,
  `SELECT count(*) FROM records TABLESAMPLE reservoir(20 ROWS) REPEATABLE (7) WHERE ts >= '${DAY(6)}'`,
  // Names of an outer query.
  `SELECT count(*) FROM (SELECT '${DAY(3)}'::TIMESTAMPTZ AS ts) o WHERE EXISTS (SELECT 1 FROM records r WHERE o.ts < '${DAY(9)}' AND r.ts > o.ts)`,
  `SELECT count(*) FROM (SELECT 'nobody' AS user_id) records WHERE EXISTS (SELECT 1 FROM records r WHERE records.user_id = 'nobody')`,
  `SELECT count(*) FROM (SELECT 'nobody' AS user_id) "\u212a" WHERE EXISTS (SELECT 1 FROM records AS k WHERE "\u212a".user_id = 'nobody')`,
  `SELECT count(*) FROM (SELECT 'nobody' AS "api_\u212aey_id") x WHERE EXISTS (SELECT 1 FROM records WHERE "api_\u212aey_id" = 'nobody')`,
  `SELECT (SELECT count(*) FROM records i WHERE i.user_id = o.user_id) n FROM records o WHERE o.user_id = 'u-3'`,
  `SELECT * FROM (SELECT 'u-3' AS u) x, LATERAL (SELECT seq FROM records WHERE user_id = x.u)`,
  // Names that are something else.
  `SELECT 'nobody' AS user_id FROM records WHERE user_id = 'u-3'`,
  `SELECT * REPLACE ('x' AS user_id) FROM records WHERE user_id = 'u-3'`,
  `SELECT * RENAME (user_id AS model, model AS user_id) FROM records WHERE user_id = 'ana'`,
  `SELECT seq FROM records AS user_id WHERE user_id = 'ana'`,
  `SELECT seq FROM records AS r(${SWAPPED}) WHERE user_id = 'qwen'`,
  `SELECT seq FROM (SELECT seq, model AS user_id FROM records) records WHERE user_id = 'qwen'`,
  `WITH r AS (SELECT seq, model AS user_id FROM records) SELECT seq FROM r WHERE user_id = 'qwen'`,
  `SELECT lower(user_id) AS user_id, count(*) FROM records GROUP BY ALL HAVING user_id = 'ana'`,
  `SELECT lower(user_id) AS u FROM records QUALIFY row_number() OVER (PARTITION BY u ORDER BY ts) = 1`,
  // Several uses of the table.
  `SELECT * FROM (SUMMARIZE SELECT seq FROM records) UNION ALL SELECT * FROM (SUMMARIZE SELECT seq FROM records WHERE user_id = 'u-3')`,
  `SELECT count(*) FROM records WHERE user_id = 'u-3' AND ts > (SELECT min(ts) + INTERVAL 5 DAY FROM records)`,
  `SELECT count(*) FROM records WHERE user_id = 'u-3' AND seq NOT IN (SELECT seq FROM records WHERE user_id = 'ana')`,
  `SELECT count(*) FROM records a JOIN records b USING (user_id) WHERE a.user_id = 'u-3'`,
  `SELECT count(*) FROM records NATURAL JOIN (SELECT seq, user_id FROM records WHERE user_id = 'u-3')`,
  `SELECT a.seq, b.seq FROM (SELECT seq FROM records WHERE user_id = 'u-3') a POSITIONAL JOIN (SELECT seq FROM records) b`,
  `SELECT count(*) FROM records a LEFT JOIN records b ON a.user_id = b.user_id AND b.user_id = 'u-3' WHERE b.seq IS NULL`,
  `SELECT user_id FROM records WHERE user_id = 'u-3' EXCEPT SELECT user_id FROM records WHERE ts > '${DAY(6)}'`,
  `FROM records WHERE user_id = 'u-3' UNION ALL BY NAME (FROM records ORDER BY seq LIMIT 3)`,
  `WITH RECURSIVE t AS (SELECT min(seq) s FROM records WHERE user_id = 'u-3' UNION ALL SELECT (SELECT min(seq) FROM records WHERE seq > s) FROM t WHERE s < 20) SELECT * FROM t`,
  // What equals nothing, and what holds for nothing.
  `SELECT count(*) FROM records WHERE NOT user_id = 'u-3'`,
  `SELECT count(*) FROM records WHERE (user_id = 'nobody') IS NULL`,
  `SELECT count(*) FROM records WHERE (user_id = 'nobody') = false`,
  `SELECT count(*) FROM records WHERE user_id IS DISTINCT FROM 'u-3'`,
  `SELECT count(*) FROM records WHERE user_id IS NOT DISTINCT FROM NULL`,
  `SELECT count(*) FROM records WHERE user_id IN ('u-3', NULL)`,
  `SELECT count(*) FROM records WHERE user_id NOT IN ('u-3')`,
  `SELECT count(*) FROM records WHERE coalesce(user_id, 'none') = 'none'`,
  `SELECT count(*) FROM records WHERE CASE WHEN user_id = 'u-3' THEN false ELSE true END`,
  `SELECT count(*) FROM records WHERE prompt_hash = upper('${HASH}') OR prompt_hash = '${HASH.toUpperCase()}'`,
  `SELECT count(*) FROM records WHERE event_id IN ('${UUID}', '${UUID.toUpperCase()}', '${UUID.replaceAll('-', '')}', 'x')`,
  // Collations.
  `SELECT count(*) FROM records WHERE user_id = 'ANA' COLLATE NOCASE`,
  `SELECT count(*) FROM records WHERE user_id COLLATE NOCASE = 'ANA'`,
  `SELECT count(*) FROM records WHERE user_id COLLATE NOCASE IN ('ANA')`,
  `SELECT count(*) FROM records WHERE user_id IN ('x', 'ANA' COLLATE NOCASE)`,
  `SELECT count(*) FROM records WHERE 'ANA' COLLATE NOCASE = user_id`,
  // Times.
  `SELECT count(*) FROM records WHERE ts = '${DAY(4)}'`,
  `SELECT count(*) FROM records WHERE ts = DATE '${DAY(4)}'`,
  `SELECT count(*) FROM records WHERE ts <= TIMESTAMP '${DAY(4)}'`,
  `SELECT count(*) FROM records WHERE ts <= '${DAY(4)} 02:00:00+02'`,
  `SELECT count(*) FROM records WHERE ts <= '${DAY(4)} 02:00:00 Europe/Berlin'`,
  `SELECT count(*) FROM records WHERE ts >= TIMESTAMP '${DAY(4)} 00:00' AT TIME ZONE 'Asia/Tokyo'`,
  `SELECT count(*) FROM records WHERE ts AT TIME ZONE 'Asia/Tokyo' >= TIMESTAMP '${DAY(4)}'`,
  `SELECT count(*) FROM records WHERE ts::DATE = '${DAY(4)}' AND ts BETWEEN DATE '${DAY(4)}' AND '${DAY(4)}'::DATE + 1`,
  `SELECT count(*) FROM records WHERE ts > make_timestamptz(2026, 5, 9, 0, 0, 0) - INTERVAL 1 DAY * 2`,
  `SELECT count(*) FROM records WHERE ts <= make_timestamp_ns(${BigInt(micros(4, 0)) * 1000n})::TIMESTAMPTZ`,
  ...Array.from(
    { length: SEGMENTS },
    (_, s) =>
      `SELECT count(*) FROM records WHERE ts <= make_timestamp_ns(${BigInt(micros(s, 0)) * 1000n})::TIMESTAMPTZ`,
  ),
  `SELECT count(*) FROM records WHERE ts = ANY ([TIMESTAMPTZ '${DAY(4)}'])`,
  `SELECT count(*) FROM records WHERE '${DAY(4)}' < ts AND '${DAY(6)}' >= ts`,
  `SELECT count(*) FROM records WHERE ts NOT BETWEEN '${DAY(4)}' AND '${DAY(6)}'`,
  `SELECT count(*) FROM records WHERE ts BETWEEN '${DAY(6)}' AND '${DAY(4)}'`,
  `SELECT count(*) FROM records WHERE ts > CASE WHEN now() > '2020-01-01' THEN '${DAY(4)}'::TIMESTAMPTZ END`,
  `SELECT count(*) FROM records WHERE ts > now() - INTERVAL 100 YEAR AND ts < now() + INTERVAL 100 YEAR`,
  `SELECT count(*) FROM records WHERE ts > NULL OR ts < '${DAY(1)}'`,
  `SELECT count(*) FROM records WHERE ts > 'infinity' OR ts < '${DAY(1)}'`,
  `SELECT count(*) FROM records WHERE ts < 'infinity' AND ts > '-infinity'`,
  `SELECT count(*) FROM records WHERE ts > 'epoch'`,
  // Addresses.
  `SELECT count(*) FROM records WHERE ip_key(client_ip) BETWEEN ip_key('192.0.2.3') AND ip_key('192.0.2.5')`,
  `SELECT DISTINCT ON (user_id) user_id, seq FROM records WHERE client_ip = '192.0.2.3' ORDER BY user_id, seq`,
];

for (const sql of TRAPS)
  test(`the same from all and from what is needed: ${sql}`, async () => void (await same(sql)));

test('a clock in a lower end counts only where it can but rise', async () => {
  const from = (sql: string): Promise<number> => same(`SELECT count(*) FROM records WHERE ts >= ${sql}`);
  for (const sql of [`now()`, `now() - INTERVAL 1 DAY`, `date_trunc('day', now())`, `today()`, `now()::DATE`])
    assert.equal(await from(sql), SEGMENTS, sql);
  const base = `'2090-01-01'::TIMESTAMPTZ`;
  for (const sql of [
    `${base} - (now() - '2026-05-01')`,
    `${base} + (today() + get_current_time() - today())`,
    `CASE WHEN now() > '2027-01-01' THEN '2020-01-01'::TIMESTAMPTZ ELSE ${base} END`,
  ])
    assert.equal(await from(sql).catch(() => 0), 0, sql);
  assert.equal(await same(`SELECT count(*) FROM records WHERE ts <= now() - INTERVAL 100 YEAR`), 0);
});

const oneOf = (...texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const place = fc.tuple(fc.nat(SEGMENTS - 1), fc.nat(RECORDS - 1));
const USERS = ['ana', 'Ana', 'ANA', 'nobody', ...Array.from({ length: 12 }, (_, i) => `u-${i}`)];
const literal = (value: string): string => quote(value);
const timestamps = place.map(([s, r]) => new Date(Math.floor(micros(s, r) / 1000)).toISOString());
/** A time, in all the ways in which one is written. */
const time = fc.oneof(
  timestamps.map(literal),
  timestamps.map(t => `TIMESTAMPTZ ${literal(t)}`),
  timestamps.map(t => `DATE ${literal(t.slice(0, 10))}`),
  timestamps.map(t => `TIMESTAMP ${literal(t.slice(0, 19))}`),
  timestamps.map(t => `${literal(t)}::TIMESTAMPTZ - INTERVAL 3 HOUR`),
  timestamps.map(t => `date_trunc('day', ${literal(t)}::TIMESTAMPTZ)`),
  timestamps.map(t => `CASE WHEN true THEN ${literal(t)}::TIMESTAMPTZ END`),
  place.map(([s, r]) => `make_timestamptz(${micros(s, r)})`),
  place.map(([s, r]) => `to_timestamp(${micros(s, r) / 1e6})`),
  oneOf(
    '$t',
    'now()',
    'NULL',
    "'infinity'",
    "'epoch'",
    '(SELECT min(ts) FROM records)',
    `('${DAY(3)}'::TIMESTAMPTZ AT TIME ZONE 'Asia/Tokyo')`,
  ),
);
const user = fc.oneof(
  fc.constantFrom(...USERS).map(literal),
  oneOf(
    '$u',
    "'u-' || '3'",
    'NULL',
    "('ANA' COLLATE NOCASE)",
    "(SELECT 'u-4')",
    'lower(user_id)',
    "CAST('u-5' AS VARCHAR)",
  ),
);
const hash = fc.oneof(
  place.map(([s, r]) => literal(hashOf(s, r) ?? 'none')),
  place.map(([s, r]) => literal((hashOf(s, r) ?? 'none').toUpperCase())),
  oneOf('$h', 'NULL', "''"),
);
const address = fc.oneof(
  fc.nat(12).map(n => `'192.0.2.${n}'`),
  oneOf('NULL', "'::1'"),
);
const key = fc.nat(5).map(n => `'key-${n}'`);
const id = place.map(([s, r]) =>
  literal(idOf(s, r).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')),
);
const sign = oneOf('=', '=', '<', '>', '<=', '>=', '<>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM');
const pairs: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ['ts', time],
  ['ts', time],
  ['ts', time],
  ['user_id', user],
  ['user_id', user],
  ['prompt_hash', hash],
  ['client_ip', address],
  ['api_key_id', key],
  ['event_id', id],
];
/** How the column is called: `T` stands for the name of its table. */
const called = (column: string): fc.Arbitrary<string> =>
  oneOf(column, column, column.toUpperCase(), `"${column}"`, `T.${column}`, `o.${column}`);
const atom: fc.Arbitrary<string> = fc.constantFrom(...pairs).chain(([column, value]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(called(column), sign, value).map(p => p.join(' ')) },
    { weight: 1, arbitrary: fc.tuple(value, sign, called(column)).map(p => p.join(' ')) },
    fc
      .tuple(called(column), oneOf('BETWEEN', 'NOT BETWEEN'), value, value)
      .map(([c, b, x, y]) => `${c} ${b} ${x} AND ${y}`),
    fc
      .tuple(called(column), oneOf('IN', 'NOT IN'), fc.array(value, { minLength: 1, maxLength: 3 }))
      .map(([c, i, v]) => `${c} ${i} (${v.join(', ')})`),
    called(column).map(c => `${c} IS NULL`),
    fc.tuple(called(column), value).map(([c, v]) => `(${c} = ${v}) IS NULL`),
    called(column).map(c => `${c} IN (SELECT ${column} FROM records WHERE seq < 9)`),
    fc.tuple(called(column), value).map(([c, v]) => `coalesce(${c} = ${v}, true)`),
    fc.constantFrom('seq < 30', "status = 'ok'", 'true', 'output_tokens % 2 = 0'),
  ),
);
const { condition } = fc.letrec<{ condition: string }>(tie => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: atom },
    { weight: 3, arbitrary: fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} AND ${b})`) },
    { weight: 2, arbitrary: fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a} OR ${b})`) },
    { weight: 1, arbitrary: tie('condition').map(a => `NOT (${a})`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie('condition'), tie('condition'))
        .map(([a, b]) => `CASE WHEN ${a} THEN ${b} ELSE ts > '${DAY(5)}' END`),
    },
  ),
}));

/** Half of them can be needed by few payloads only, as what people ask is. */
const sharp: fc.Arbitrary<string> = fc.oneof(
  place.map(([n]) => `ts >= '${DAY(n)}'`),
  place.map(([n]) => `'${DAY(n)}' > ts`),
  fc.tuple(place, time).map(([[n], t]) => `T.ts BETWEEN '${DAY(n)}' AND ${t}`),
  fc
    .tuple(called('user_id'), fc.array(fc.nat(11), { minLength: 1, maxLength: 2 }))
    .map(([c, n]) => `${c} IN (${n.map(i => `'u-${i}'`).join(', ')})`),
  hash.map(h => `prompt_hash = ${h}`),
  address.map(a => `${a} = client_ip`),
);
const asked = fc.oneof(
  condition,
  fc.tuple(sharp, condition).map(([a, b]) => `${a} AND ${b}`),
  fc.tuple(sharp, sharp, condition).map(([a, b, c]) => `(${a} OR ${b}) AND ${c}`),
);

/** What is asked with one or two conditions; `?` is a condition over the table named behind it. */
const SHAPES: readonly string[] = [
  'SELECT * FROM records WHERE ?records',
  'SELECT seq FROM records AS r WHERE ?r ORDER BY seq LIMIT 5',
  'SELECT user_id, count(*), min(ts) FROM records WHERE ?records GROUP BY ALL HAVING count(*) > 1',
  'SELECT lower(user_id) AS user_id, seq AS ts FROM records WHERE ?records',
  'SELECT seq, row_number() OVER (PARTITION BY user_id ORDER BY ts) n FROM records WHERE ?records QUALIFY n < 3',
  'SELECT DISTINCT ON (user_id) user_id, seq FROM records WHERE ?records ORDER BY user_id, seq',
  'SELECT count(*) FILTER (WHERE ?records) FROM records',
  'SELECT count(*) FILTER (WHERE ?records) FROM records WHERE ?records',
  'SELECT seq FROM records WHERE ?records UNION ALL SELECT seq FROM records WHERE ?records',
  'SELECT user_id FROM records WHERE ?records EXCEPT SELECT user_id FROM records WHERE ?records',
  'SELECT user_id FROM records WHERE ?records INTERSECT ALL SELECT user_id FROM records WHERE ?records',
  'WITH r AS (SELECT * FROM records WHERE ?records) SELECT seq FROM r WHERE ?r',
  'WITH r AS (SELECT * FROM records WHERE ?records) SELECT (SELECT count(*) FROM r), count(*) FROM records WHERE ?records',
  'SELECT seq FROM (SELECT *, user_id AS model FROM records) x WHERE ?x',
  'SELECT o.seq FROM records o WHERE ?o AND EXISTS (SELECT 1 FROM records r WHERE r.user_id = o.user_id AND ?r)',
  'SELECT o.seq, (SELECT count(*) FROM records WHERE ?records AND user_id = o.user_id) n FROM records o WHERE ?o',
  'SELECT o.seq FROM (SELECT * FROM records) o WHERE o.seq IN (SELECT seq FROM records r WHERE ?r)',
  'SELECT o.seq, r.seq FROM records o JOIN records r ON o.user_id = r.user_id AND ?r WHERE ?o',
  'SELECT o.seq, r.seq FROM records o LEFT JOIN (SELECT * FROM records WHERE ?records) r USING (user_id) WHERE ?o',
  'SELECT o.seq, r.seq FROM (SELECT * FROM records WHERE ?records) o FULL JOIN (SELECT * FROM records WHERE ?records) r ON o.seq = r.seq',
  'SELECT count(*) FROM (SELECT seq, user_id FROM records WHERE ?records) NATURAL JOIN (SELECT seq FROM records WHERE ?records)',
  'SELECT o.seq, r.seq FROM (SELECT seq FROM records ORDER BY seq) o POSITIONAL JOIN (SELECT seq FROM records WHERE ?records ORDER BY seq) r',
  'SELECT o.seq, x.n FROM records o, LATERAL (SELECT count(*) n FROM records r WHERE r.user_id = o.user_id AND ?r) x WHERE ?o',
  "SELECT o.ts, (SELECT count(*) FROM records WHERE ?records) FROM (SELECT '2026-05-04'::TIMESTAMPTZ AS ts, 'ana' AS user_id, NULL::VARCHAR AS prompt_hash) o",
  `SELECT count(*) FROM records AS r(${SWAPPED}) WHERE ?r`,
  'SELECT * FROM (SUMMARIZE SELECT seq FROM records WHERE ?records)',
  'SELECT count(*) FROM records WHERE ?records USING SAMPLE reservoir(40 ROWS) REPEATABLE (3)',
];

const RUNS = Number(process.env['SLMAUDIT_NEEDS'] ?? 80);

test(`${RUNS} random queries, over ${SHAPES.length} shapes: the same from all and from what is needed`, async () => {
  let [answered, refused, pruned] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...SHAPES), asked, asked, place, async (shape, one, two, [s, r]) => {
      let n = 0;
      const sql = shape.replaceAll(
        /\?(\w+)/g,
        (_, table: string) =>
          `(${(n++ % 2 ? two : one).replaceAll('T.', `${table}.`).replaceAll('o.', shape.includes(') o') || shape.includes('s o') ? 'o.' : `${table}.`)})`,
      );
      const values = {
        t: new Date(Math.floor(micros(s, r) / 1000)).toISOString(),
        u: userOf(s, r) ?? '',
        h: hashOf(s, r) ?? '',
      };
      const given = Object.fromEntries(Object.entries(values).filter(([name]) => sql.includes(`$${name}`)));
      const found = await both(sql, given);
      if (found.whole === undefined) refused++;
      else {
        answered++;
        if (found.left > 0) pruned++;
        assert.deepEqual(found.pruned, found.whole, sql);
      }
    }),
    { numRuns: RUNS },
  );
  assert.ok(
    answered > RUNS / 3 && pruned > RUNS / 30,
    `${answered} answered, ${refused} not, ${pruned} with something left unread`,
  );
  process.stdout.write(`${answered} answered, ${pruned} of them with payloads left unread\n`);
});
