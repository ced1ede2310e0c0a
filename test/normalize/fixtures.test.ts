import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createMac } from '../../src/keys/hash.ts';
import type { Adapter } from '../../src/normalize/adapter.ts';
import { FORMATS } from '../../src/normalize/formats.ts';
import { createNormalizer, type Normalizer, type Outcome } from '../../src/normalize/normalize.ts';
import { type Piece, piecesOf } from '../../src/normalize/piece.ts';
import { COLUMNS } from '../../src/record/schema.ts';
import { microsOf } from '../../src/record/time.ts';

/**
 * Every format has fixtures/formats/NAME.log, lines in the shape of its writer, and NAME.records.ndjson beside it: what
 * becomes of each. SLMAUDIT_GOLDEN=write writes the latter anew, to be looked at in the diff.
 */
const linesOf = (name: string): string[] =>
  readFileSync(`fixtures/formats/${name}.log`, 'utf8').split('\n').slice(0, -1);

const normalizer = (adapter?: Adapter): Normalizer =>
  createNormalizer({
    mac: createMac(Buffer.alloc(32, 9)),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    times: { now: microsOf('2026-06-01T00:00:00.000000Z') },
    ...(adapter && { format: { adapter, forced: true } }),
  });

const ALWAYS = new Set(COLUMNS.filter(c => c.always === true).map(c => c.name as string));

/** What the goldens show: records without what is the same in all. */
function shown(outcome: Outcome): string {
  if (!('records' in outcome)) return JSON.stringify(outcome);
  const records = outcome.records.map(({ v: _v, event_id: _id, source_id: _source, ...rest }) => rest);
  return JSON.stringify({ records, ...(outcome.reject !== undefined && { reject: outcome.reject }) });
}

function goldenOf(name: string): { readonly goldens: string[]; readonly outcomes: Outcome[] } {
  const reading = normalizer();
  let offset = 0;
  const outcomes = linesOf(name).map(line => {
    const raw = Buffer.from(line, 'utf8');
    const outcome = reading.line(raw, offset);
    offset += raw.length + 1;
    return outcome;
  });
  const rest = reading.rest('all');
  if (rest.records.length > 0) outcomes.push({ records: rest.records });
  return { goldens: outcomes.map(shown), outcomes };
}

for (const adapter of FORMATS) {
  const { name } = adapter;

  test(`${name}: what becomes of each line of its fixture`, () => {
    const { goldens, outcomes } = goldenOf(name);
    const path = `fixtures/formats/${name}.records.ndjson`;
    if (process.env['SLMAUDIT_GOLDEN'] === 'write') writeFileSync(path, `${goldens.join('\n')}\n`);
    assert.ok(existsSync(path), `SLMAUDIT_GOLDEN=write makes ${path}`);
    assert.deepEqual(goldens, readFileSync(path, 'utf8').split('\n').slice(0, -1));

    const filled = new Set<string>();
    for (const outcome of outcomes) {
      if (!('records' in outcome)) continue;
      for (const record of outcome.records) {
        assert.equal(record.source_format, name);
        for (const column of Object.keys(record)) if (!ALWAYS.has(column)) filled.add(column);
      }
    }
    for (const own of ['hash_alg', 'extra', 'usage_source']) filled.delete(own);
    assert.deepEqual([...adapter.fills].sort(), [...filled].sort(), 'fills says what its fixture fills');
  });

  test(`${name}: its example is a record of it`, () => {
    const outcome = normalizer().line(Buffer.from(adapter.example, 'utf8'), 1);
    assert.ok('records' in outcome, JSON.stringify(outcome));
    assert.equal(outcome.records[0]!.source_format, name);
  });
}

test('no line of any fixture is recognized by two formats; native takes what has `ts` and nobody else', () => {
  for (const { name } of FORMATS) {
    for (const line of linesOf(name)) {
      for (const piece of piecesOf(Buffer.from(line, 'utf8'), false, new Map())) {
        if (piece.kind === 'bad') continue;
        const by = FORMATS.filter(f => f.name !== 'native' && isOf(f, piece)).map(f => f.name);
        assert.deepEqual(by, name === 'native' ? [] : [name], line.slice(0, 200));
      }
    }
  }
});

function isOf(adapter: Adapter, piece: Exclude<Piece, { kind: 'bad' }>): boolean {
  return piece.kind === 'object'
    ? adapter.recognizes?.(piece.object) === true
    : adapter.fields?.(piece.text, piece.wrapping) !== undefined;
}
