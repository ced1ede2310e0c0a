import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { QueryJob } from '../../src/duck/job.ts';
import type { Needs } from '../../src/duck/needs.ts';
import { choose, Reading } from '../../src/duck/reading.ts';
import { AuditError } from '../../src/errors.ts';
import { filesOf } from '../../src/query/files.ts';
import { keptPayloads } from '../../src/query/kept.ts';
import { query } from '../../src/query/query.ts';
import { microsOf } from '../../src/record/time.ts';
import { placeSegments, readKnown } from '../../src/store/known.ts';
import { payloadPath } from '../../src/store/layout.ts';
import { localPin, openStore, type Store } from '../../src/store/store.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';

/**
 * A bit of a payload flipped, and a query: refused, or right where it needs none of that payload. The flips are spread over all payloads
 * by a seeded sequence, a thousand with SLMAUDIT_FLIPS=all (npm run test:faults). Each is met by what the query process does first, in this
 * process; one in twenty by the whole of it.
 */
const FLIPS = process.env['SLMAUDIT_FLIPS'] === 'all' ? 1000 : 20;
/** Through the whole of it. */
const WHOLE = 20;
const SEGMENTS = 5;
const box = new Sandbox();
const known = box.path('known');
let store: Store;

before(async () => {
  assert.equal((await box.run(['init', '--no-recovery', '--origin', 'test.example/log'])).code, 0);
  // A day a segment, and a user of its own.
  for (let s = 0; s < SEGMENTS; s++) {
    const lines = nativeLines(20, s * 86_400).replaceAll(/"u-\d"/g, `"user-${s}"`);
    assert.equal((await box.run(['ingest'], lines)).code, 0);
  }
  store = openStore(box.store, box.keys);
  // Until then its files are too young to be remembered.
  await new Promise(resolve => setTimeout(resolve, 2100));
  // A busy machine makes a few filters a query.
  const { genesis } = placeSegments(store.at, localPin(store), known);
  const made = (): number => [...readKnown(known, genesis).payloads.values()].filter(p => p.filter).length;
  for (let tries = 0; tries < 10 && made() < SEGMENTS; tries++)
    assert.equal(await count("user_id = 'user-3'"), 20);
  assert.equal(made(), SEGMENTS);
});

after(() => box.remove());

const OPTIONS = { memory: 2 ** 28, known };

async function count(where: string, options: object = {}): Promise<unknown> {
  let found: unknown;
  const sink = {
    columns: () => undefined,
    rows: (rows: readonly (readonly unknown[])[]) => {
      found = rows[0]![0];
      return true;
    },
    end: () => undefined,
  };
  const question = { sql: `SELECT count(*) FROM records WHERE ${where}`, parameters: {} };
  await query(store, question, { ...OPTIONS, ...options }, sink);
  return found;
}

/** What a query is given, as it is remembered now. */
function jobNow(): QueryJob {
  const placed = placeSegments(store.at, localPin(store), known);
  const kept = keptPayloads(placed.known, known);
  const { files } = filesOf(store, placed.inventory, kept, { size: Infinity, fromSeq: 0, strict: false });
  return {
    files,
    filters: kept.filters,
    strict: false,
    unverified: false,
    findings: [],
  } as unknown as QueryJob;
}

/** The payloads that a query with these needs opens, each checked; throws what the query throws. */
function opens(needs: Needs, job: QueryJob = jobNow()): number[] {
  const reading = new Reading(job);
  try {
    for (const segment of choose(job, needs).read) reading.open(segment);
  } finally {
    reading.close();
  }
  return reading.opened.map(o => o.file.segments[0]!.segment);
}

/** xorshift32: the same flips each time. */
function* numbers(seed: number): Generator<number> {
  for (let x = seed; ;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}

const ALL: Needs = true;
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'read';
  } catch (error) {
    if (error instanceof AuditError) return `${error.code} ${error.exit}`;
    throw error;
  }
};

test(`${FLIPS} bits of payloads flipped: none reaches an answer, and no other payload is refused for it`, async () => {
  const placed = placeSegments(store.at, localPin(store), known).inventory.segments;
  const paths = placed.map(s => payloadPath(store.at, s.segment, s.at));
  const originals = paths.map(path => readFileSync(path));
  assert.deepEqual(opens(ALL), [0, 1, 2, 3, 4]);
  const random = numbers(20_261_125);
  const next = (below: number): number => random.next().value! % below;
  const job = jobNow();
  let whole = 0;
  for (let n = 0; n < FLIPS; n++) {
    const hit = n % SEGMENTS;
    const changed = Buffer.from(originals[hit]!);
    const at = next(changed.length);
    changed[at]! ^= 1 << next(8);
    writeFileSync(paths[hit]!, changed);
    const message = `segment ${hit}, byte ${at}`;
    assert.equal(
      codeOf(() => opens(ALL, job)),
      'PAYLOAD_ALTERED 1',
      message,
    );
    assert.equal(
      codeOf(() => opens({ column: 'user_id', values: [`user-${hit}`] }, job)),
      'PAYLOAD_ALTERED 1',
      message,
    );
    const other = (hit + 1) % SEGMENTS;
    const span = placed[other]!.span!;
    const needs = { from: microsOf(span.from), to: microsOf(span.to) };
    assert.deepEqual(opens(needs, job), [other], message);
    assert.deepEqual(opens({ column: 'user_id', values: [`user-${other}`] }, job), [other], message);
    if (n % WHOLE === 0) {
      whole++;
      await assert.rejects(count('true'), { code: 'PAYLOAD_ALTERED', exit: 1 }, message);
      assert.equal(await count(`ts BETWEEN '${span.from}' AND '${span.to}'`), 20, message);
    }
    writeFileSync(paths[hit]!, originals[hit]!);
  }
  assert.deepEqual(opens(ALL), [0, 1, 2, 3, 4]);
  assert.equal(await count('true'), 100);
  process.stdout.write(`${FLIPS} flips refused; ${whole} of them by the whole query\n`);
});

test('bits of what is remembered flipped: it counts for nothing, and answers stay right', async () => {
  const { genesis } = placeSegments(store.at, localPin(store), known);
  const file = join(known, genesis.toString('hex'));
  const filters = placeSegments(store.at, localPin(store), known).inventory.segments.map(s =>
    join(known, 'filters', `${s.payload!.sha256}.filter`),
  );
  const whole = readKnown(known, genesis);
  assert.equal(whole.payloads.size, SEGMENTS);
  assert.ok(whole.log!.size === SEGMENTS + 1);
  const random = numbers(7);
  const next = (below: number): number => random.next().value! % below;
  for (const path of [file, join(known, 'key'), ...filters]) {
    const bytes = readFileSync(path);
    for (let n = 0; n < 20; n++) {
      const changed = Buffer.from(bytes);
      changed[next(bytes.length)]! ^= 1 << next(8);
      writeFileSync(path, changed);
      if (!path.endsWith('.filter')) assert.deepEqual([...readKnown(known, genesis).payloads], [], path);
      for (let s = 0; s < SEGMENTS; s++)
        assert.ok(opens({ column: 'user_id', values: [`user-${s}`] }).includes(s), path);
    }
    // Cut, emptied, and nothing but zeros or ones.
    for (const changed of [
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Buffer.alloc(0),
      Buffer.alloc(bytes.length),
      Buffer.alloc(bytes.length, 255),
    ]) {
      writeFileSync(path, changed);
      for (let s = 0; s < SEGMENTS; s++)
        assert.ok(opens({ column: 'user_id', values: [`user-${s}`] }).includes(s), path);
    }
    assert.equal(await count("user_id = 'user-2'"), 20, path);
    writeFileSync(path, bytes);
  }
});
