import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { withEngine } from '../../src/duck/engine.ts';
import { withTrial } from '../../src/duck/trial.ts';
import { episodesSql } from '../../src/rules/episodes.ts';
import { readRules } from '../../src/rules/read.ts';
import { askerOf } from '../asked.ts';
import { madeRule } from '../detect/rule.ts';

interface Hit {
  readonly who: string | null;
  /** Seconds. */
  readonly at: number;
  readonly back: number;
  readonly value: number | null;
}

interface Merged {
  readonly who: string | null;
  readonly from: number;
  readonly first: number;
  last: number;
  hits: number;
  value: number | null;
}

/** What the SQL says, by hand: one hit after the other. */
function merged(
  hits: readonly Hit[],
  { episode, suppress }: { episode: number; suppress: number },
): Merged[] {
  const told: Merged[] = [];
  for (const who of new Set(hits.map(h => h.who))) {
    const all: (Merged & { from: number })[] = [];
    for (const { at, back, value } of hits.filter(h => h.who === who).sort((a, b) => a.at - b.at)) {
      const open = all.at(-1);
      if (open && (at - open.last <= episode || at - back <= open.last)) {
        open.last = at;
        open.hits++;
        open.from = Math.min(open.from, at - back);
        if (value !== null) open.value = Math.max(value, open.value ?? value);
      } else all.push({ who, from: at - back, first: at, last: at, hits: 1, value });
    }
    let last: Merged | undefined;
    for (const one of all)
      if (!last || suppress === 0 || one.first - last.last > suppress) told.push((last = one));
  }
  return told;
}

const AT = Date.UTC(2026, 4, 1);
const secondsOf = (ts: unknown): number => (Date.parse(`${String(ts).slice(0, 23)}Z`) - AT) / 1000;

/** Who, when and how much, of all in a text that is cheap to plan. */
const hitsSql = (hits: readonly Hit[]): string =>
  `SELECT make_timestamptz((${AT} + h.at * 1000) * 1000) AS ts, make_timestamptz((${AT} + (h.at - h.back) * 1000) * 1000) AS from_ts, h.i AS seq,
    'e-' || lpad(h.i::VARCHAR, 4, '0') AS event_id, h.value AS value, NULL::DOUBLE AS usual, [h.who]::VARCHAR[] AS entity,
    h.who AS user_id, NULL::VARCHAR AS client_ip, NULL::VARCHAR AS api_key_id
  FROM (SELECT unnest(from_json('${JSON.stringify(hits.map((hit, i) => ({ ...hit, i })))}',
    '[{"who":"VARCHAR","at":"BIGINT","back":"BIGINT","value":"DOUBLE","i":"BIGINT"}]')) AS h)`;

async function asked(
  db: DuckDBConnection,
  hits: readonly Hit[],
  options: { episode: number; suppress: number },
  bounds: Parameters<typeof episodesSql>[1] = {},
): Promise<(Merged & { events: readonly string[]; total: number })[]> {
  const rows = await askerOf(db).all(episodesSql(madeRule({ hits: hitsSql(hits), ...options }), bounds));
  return rows.map(row => ({
    who: (row['entity'] as (string | null)[])[0]!,
    from: secondsOf(row['from_ts']),
    first: secondsOf(row['first_ts']),
    last: secondsOf(row['last_ts']),
    hits: Number(row['hits']),
    value: row['value'] as number | null,
    events: row['events'] as string[],
    total: Number(row['total']),
  }));
}

const inOrder = (all: readonly Merged[]): string[] =>
  all
    .map(({ who, from, first, last, hits, value }) => JSON.stringify([who, from, first, last, hits, value]))
    .sort();

const aHit = fc.record({
  who: fc.constantFrom('ana', 'bo', null),
  at: fc.integer({ min: 0, max: 400 }),
  back: fc.constantFrom(0, 0, 5, 30),
  value: fc.constantFrom(null, 1, 2, 7.5),
});

test('hits become the episodes that one hit after the other makes, whatever comes in one instant or overlaps', () =>
  withEngine({}, db =>
    fc.assert(
      fc.asyncProperty(
        fc.array(aHit, { minLength: 1, maxLength: 40 }),
        fc.constantFrom(0, 5, 20, 60),
        fc.constantFrom(0, 0, 10, 50),
        async (hits, episode, suppress) => {
          const found = await asked(db, hits, { episode, suppress });
          const expected = merged(hits, { episode, suppress });
          assert.deepEqual(inOrder(found), inOrder(expected));
        },
      ),
      { numRuns: 40 },
    ),
  ));

test('a thousand hits are a row with its peak, and the first and last three events', () =>
  withEngine({}, async db => {
    const hits = Array.from({ length: 1000 }, (_, at) => ({ who: 'ana', at, back: 60, value: at % 700 }));
    const [one, ...more] = await asked(db, hits, { episode: 60, suppress: 0 });
    assert.deepEqual(more, []);
    assert.deepEqual(
      { from: one!.from, hits: one!.hits, value: one!.value },
      { from: -60, hits: 1000, value: 699 },
    );
    assert.deepEqual(
      one!.events,
      ['e-0000', 'e-0001', 'e-0002', 'e-0997', 'e-0998', 'e-0999'].map(e => e),
    );
  }));

test('only episodes with a hit in the span are told, whole; hits without their history are none', () =>
  withEngine({}, async db => {
    const hits = [0, 50, 100, 500, 540, 900].map(at => ({ who: 'ana', at, back: 0, value: null }));
    const micros = (seconds: number): number => (AT + seconds * 1000) * 1000;
    const told = await asked(
      db,
      hits,
      { episode: 50, suppress: 0 },
      { since: micros(530), ripe: micros(40) },
    );
    assert.deepEqual(
      told.map(({ first, last, hits: n, total }) => ({ first, last, n, total })),
      [
        { first: 900, last: 900, n: 1, total: 2 },
        { first: 500, last: 540, n: 2, total: 2 },
      ],
    );
    const [early] = await asked(db, hits, { episode: 50, suppress: 0 }, { ripe: micros(40) }).then(all =>
      all.toReversed(),
    );
    assert.equal(early?.first, 50);
  }));

test('a silence that lasts is one episode, whenever it is asked for, and none before it is one', async () => {
  const { rules } = readRules([fileURLToPath(new URL('../../../rules/silence.yml', import.meta.url))]);
  const [silence] = rules;
  const hour = (n: number): string => new Date(Date.UTC(2026, 5, 1) + n * 3_600_000).toISOString();
  await withTrial(async trial => {
    await trial.tell(
      Array.from({ length: 16_800 }, (_, i) => ({ ts: hour(i / 50) })),
      Array.from({ length: 336 }, (_, i) => ({ ts: hour(i + 1), kind: 'segment', records: 50 })),
    );
    const found = async (until: string): Promise<string[][]> =>
      (await trial.all(episodesSql(silence!, { until }))).map(e => [e['event_id'] as string, e['last_ts'] as string]);
    assert.deepEqual(await found(hour(337)), []);
    const now = await found(hour(342));
    const id = now[0]?.[0];
    assert.deepEqual(now, [[id, '2026-06-15T05:00:00.000000Z']]);
    assert.match(id!, /^[0-9a-f-]{36}$/);
    assert.deepEqual(await found(hour(350)), [[id, '2026-06-15T13:00:00.000000Z']]);
  });
});
