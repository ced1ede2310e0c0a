import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { withEngine } from '../../src/duck/engine.ts';
import { rulesIn } from '../../src/rules/read.ts';
import { counted, type Fired, firstSeen, type Number, ordered, temporal, type Told } from './brute.ts';

/** Batches of 40 streams for each kind; SLMAUDIT_STREAMS for more. */
const STREAMS = 40;
const RUNS = Math.ceil(Number(process.env['SLMAUDIT_STREAMS'] ?? 200) / STREAMS);
const DAY = 86_400_000_000;

const FEW = { streams: STREAMS, longest: 14 };
const LONG = { streams: 4, longest: 200 };

/** Times at the edges of windows, of days and of stretches, some the same, in any order of arrival. */
const batches = (span: number, { streams: count, longest } = FEW): fc.Arbitrary<Told[]> =>
  fc
    .array(
      fc.array(
        fc.record({
          at: fc.tuple(fc.integer({ min: 0, max: 14 }), fc.constantFrom(0, 0, 0, -1, 1)),
          user: fc.constantFrom('ann', 'ann', 'ann', 'bob', null),
          ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', null),
          kind: fc.constantFrom('a', 'b', 'c', 'd'),
          tokens: fc.constantFrom(null, 0, 1, 5, 100),
        }),
        // Else most would have fewer than ten.
        { minLength: 1, maxLength: longest, size: 'max' },
      ),
      { minLength: count, maxLength: count },
    )
    .map(streams => {
      let seq = 0;
      return streams.flatMap(
        (events, s) =>
        events.map(({ at: [quarter, off], user, ip, kind, tokens }) => ({
          seq: seq++, stream: `s${s}`, user, ip, kind, tokens,
          us: (20_000 + s % 3) * DAY + Math.floor((quarter * span) / 4) + off,
        })), // prettier-ignore
      );
    });

const SPANS = ['1s', '10m', '1d', '3d'] as const;
const MICROS = { '0s': 0, '1s': 1_000_000, '10m': 600_000_000, '1d': DAY, '3d': 3 * DAY } as const;
type Span = (typeof SPANS)[number];

const plain = (name: string, kinds: string, own = ''): string => `
title: ${name}
name: ${name}
logsource: { product: slmaudit }
detection: { s: { operation: [${kinds}] }, condition: s }
${own}
---`;
const correlation = (
  text: string,
  own = '',
): string => `${plain('ra', 'a')}${plain('rab', 'a, b')}${plain('rbc', 'b, c')}
title: it
correlation: { group-by: [session_id, user_id], ${text} }
${own}`;
const is =
  (...kinds: readonly string[]) =>
  (e: Told): boolean =>
    kinds.includes(e.kind);

/** Hits by the SQL of the rule called `it`, over these events in any order. */
async function asked(db: DuckDBConnection, yaml: string, events: readonly Told[]): Promise<Fired[]> {
  const { rules, problems } = rulesIn([['it.yml', yaml]]);
  assert.deepEqual(problems, []);
  const rows = events.map(e => ({ ...e, ts: new Date(0).toISOString() }));
  await db.run(`CREATE OR REPLACE TABLE records AS
    SELECT seq, lpad(seq::VARCHAR, 8, '0') AS event_id, make_timestamptz(us) AS ts, stream AS session_id, "user" AS user_id, ip AS client_ip,
      NULL::VARCHAR AS api_key_id, kind AS operation, tokens AS total_tokens,
      "user" AS prompt_hash, ip AS completion_hash, CASE ip WHEN '10.0.0.1' THEN 'ann' ELSE 'bob' END AS model
    FROM (SELECT unnest(from_json('${JSON.stringify(rows)}', '[{"seq":"BIGINT","us":"BIGINT","stream":"VARCHAR","user":"VARCHAR","ip":"VARCHAR","kind":"VARCHAR","tokens":"BIGINT"}]'), recursive := true))
    ORDER BY hash(seq)`);
  const read = await db.runAndReadAll(
    `SELECT seq, epoch_us(ts), epoch_us(from_ts), value, usual FROM (${rules.at(-1)!.hits}) ORDER BY seq`,
  );
  return read.getRows().map(([seq, us, from, value, usual]) => ({
    seq: globalThis.Number(seq), us: globalThis.Number(us), from: globalThis.Number(from),
    value: value as number | null, usual: usual as number | null,
  })); // prettier-ignore
}

const inOrder = (fired: readonly Fired[]): Fired[] =>
  fired.toSorted((a, b) => a.seq - b.seq || a.from - b.from || (a.value ?? 0) - (b.value ?? 0));

/** The same by SQL and by looking at every window. */
async function agree(
  draw: (span: Span) => fc.Arbitrary<{ yaml: string; expected: (events: readonly Told[]) => Fired[] }>,
  size = FEW,
): Promise<void> {
  let hits = 0;
  const cases = fc
    .constantFrom(...SPANS)
    .chain(span => fc.record({ rule: draw(span), events: batches(MICROS[span], size) }));
  await withEngine({ threads: 1 }, db =>
    fc.assert(
      fc.asyncProperty(cases, async ({ rule, events }) => {
        const expected = inOrder(rule.expected(events));
        hits += expected.length;
        assert.deepEqual(inOrder(await asked(db, rule.yaml, events)), expected);
      }),
      { numRuns: RUNS },
    ),
  );
  assert.ok(hits > 0, 'no stream had a hit: nothing was compared');
}

const BOUNDS: readonly (readonly [string, number, (v: number, n: number) => boolean])[] = [
  ['gte', 1, (v, n) => v >= n], ['gte', 2, (v, n) => v >= n], ['gte', 3, (v, n) => v >= n], ['gt', 3, (v, n) => v > n],
  ['eq', 3, (v, n) => v === n], ['gte', 6, (v, n) => v >= n], ['gte', 101, (v, n) => v >= n],
]; // prettier-ignore
const FIELDS: Readonly<Record<Number, string>> = {
  event_count: '',
  value_count: 'field: client_ip, ',
  value_sum: 'field: total_tokens, ',
  value_avg: 'field: total_tokens, ',
};

void describe('SQL says what every window says', () => {
  for (const type of ['event_count', 'value_count', 'value_sum', 'value_avg'] as const) {
    test(`of ${type}, an event that two rules match being one`, () =>
      agree(span =>
        fc.constantFrom(...BOUNDS.slice(0, type.endsWith('count') ? 6 : 7)).map(([bound, n, met]) => ({
          yaml: correlation(
            `type: ${type}, rules: [rab, rbc], timespan: ${span}, condition: { ${FIELDS[type]}${bound}: ${n} }`,
          ),
          expected: events =>
            counted(events.filter(is('a', 'b', 'c')), { type, span: MICROS[span], met: v => met(v, n) }),
        })),
      ));

    test(`of ${type}, set against what is usual of the group`, () =>
      agree(span =>
        fc
          .tuple(
            fc.constantFrom(1, 1.5, 2),
            fc.constantFrom('3d' as const, '5d' as const, '1w' as const),
            fc.constantFrom('0s' as const, '1s' as const, '1d' as const),
          )
          .map(([times, over, after]) => ({
            yaml: correlation(
              `type: ${type}, rules: [rab], timespan: ${span}, condition: { ${FIELDS[type]}gte: 2 }`,
              `slmaudit: { usual: { times: ${times}, over: ${over}, after: ${after} } }`,
            ),
            expected: events =>
              counted(events.filter(is('a', 'b')), {
                type,
                span: MICROS[span],
                met: v => v >= 2,
                usual: {
                  times,
                  over: { '3d': 3, '5d': 5, '1w': 7 }[over] * DAY,
                  after: { '0s': 0, '1s': 1_000_000, '1d': DAY }[after],
                },
              }),
          })),
      ));
  }

  test('of hashes that are counted and that group, where some events have none', () =>
    agree(span =>
      fc.tuple(fc.constantFrom(1, 2, 3), fc.boolean(), fc.boolean()).map(([n, isSaid, isUsual]) => ({
        yaml: `${plain('ra', 'a, b').replace('operation: [a, b]', `operation: [a, b]${isSaid ? ", 'prompt_hash|exists': true, 'completion_hash|exists': true" : ''}`)}
title: it
correlation: { type: value_count, rules: [ra], group-by: [session_id, prompt_hash], timespan: ${span}, condition: { field: completion_hash, gte: ${n} } }
${isUsual ? 'slmaudit: { usual: { times: 1.5, over: 5d, after: 1s } }' : ''}`,
        expected: events =>
          counted(events.filter(is('a', 'b')), {
            type: 'value_count',
            span: MICROS[span],
            met: v => v >= n,
            ...(isUsual && { usual: { times: 1.5, over: 5 * DAY, after: 1_000_000 } }),
          }),
      })),
    ));

  for (const type of ['temporal', 'temporal_ordered'] as const)
    test(`of ${type}, rules that match the same events among them`, () =>
      agree(span =>
        fc
          .constantFrom(['ra', 'rbc'], ['rab', 'rbc'], ['ra', 'rab', 'rbc'], ['rbc', 'ra', 'rbc'])
          .map(names => {
            const steps = names.map(name => is(...name.slice(1).split('')));
            return {
              yaml: correlation(`type: ${type}, rules: [${names.join(', ')}], timespan: ${span}`),
              expected: events => (type === 'temporal' ? temporal : ordered)(events, steps, MICROS[span]),
            };
          }),
      ));

  test('of first_seen, with a history and without', () =>
    agree(() =>
      fc
        .tuple(
          fc.constantFrom('1s', '10m', '1d', '3d'),
          fc.constantFrom('0s' as const, '1s' as const, '1d' as const),
          fc.constantFrom('session_id, user_id, client_ip', 'session_id, client_ip', 'client_ip'),
          fc.constantFrom('0s' as const, '1s' as const),
        )
        .map(([over, after, fields, lasting]) => ({
          yaml: plain(
            'it',
            'a, b, c',
            `slmaudit: { first_seen: { fields: [${fields}], over: ${over}, after: ${after}, for: ${lasting} } }`,
          ).replace('---', ''),
          expected: events =>
            firstSeen(
              events,
              events.filter(is('a', 'b', 'c')),
              e =>
                fields === 'client_ip'
                  ? [e.ip]
                  : fields === 'session_id, client_ip'
                    ? [e.stream, e.ip]
                    : [e.stream, e.user, e.ip],
              {
                over: MICROS[over],
                after: { '0s': 0, '1s': 1_000_000, '1d': DAY }[after],
                lasting: { '0s': 0, '1s': 1_000_000 }[lasting],
              },
            ).map(e => ({ seq: e.seq, us: e.us, from: e.us, value: null, usual: null })),
        })),
    ));

  test('of a chain: a count, and then another event, each hit at the time it fired', () =>
    agree(span =>
      fc.constantFrom(2, 3).map(n => ({
        yaml: `${plain('ra', 'a')}${plain('rc', 'c')}
title: many
name: many
correlation: { type: event_count, rules: [ra], group-by: [session_id, user_id], timespan: ${span}, condition: { gte: ${n} } }
---
title: it
correlation: { type: temporal_ordered, rules: [many, rc], group-by: [session_id, user_id], timespan: ${span} }`,
        expected: events => {
          const many = counted(events.filter(is('a')), {
            type: 'event_count',
            span: MICROS[span],
            met: v => v >= n,
          });
          const hits = many.map(({ seq }) => ({ ...events[seq]!, kind: 'many' }));
          return ordered([...hits, ...events.filter(is('c'))], [is('many'), is('c')], MICROS[span]);
        },
      })),
    ));

  test('of long streams, grouped by a hash among others, with bounds that only crowds meet', () =>
    agree(
      span =>
        fc
          .constantFrom(
            ['event_count', 'session_id, prompt_hash', '', 5] as const,
            ['event_count', 'prompt_hash, session_id', '', 20] as const,
            ['value_count', 'session_id, user_id', 'field: event_id, ', 20] as const,
            ['value_count', 'session_id, user_id', 'field: event_id, ', 6] as const,
          )
          .map(([type, groups, field, n]) => ({
            yaml: correlation(
              `type: ${type}, rules: [rab, rbc], timespan: ${span}, condition: { ${field}gte: ${n} }`,
            ).replace('session_id, user_id', groups),
            // Every event has an id of its own: as many differ as there are.
            expected: events =>
              counted(events.filter(is('a', 'b', 'c')), {
                type: 'event_count',
                span: MICROS[span],
                met: v => v >= n,
              }),
          })),
      LONG,
    ));

  test('of all that happens, where nothing groups it', () =>
    agree(span =>
      fc.constantFrom('temporal', 'temporal_ordered', 'event_count').map(type => ({
        yaml: correlation(
          `type: ${type}, rules: [ra, rbc], timespan: ${span}${type === 'event_count' ? ', condition: { gte: 9 }' : ''}`,
        ).replace('group-by: [session_id, user_id], ', ''),
        expected: events => {
          const all = events.map(e => ({ ...e, stream: '', user: '' }));
          const steps = [is('a'), is('b', 'c')];
          if (type === 'event_count')
            return counted(all.filter(is('a', 'b', 'c')), { type, span: MICROS[span], met: v => v >= 9 });
          return (type === 'temporal' ? temporal : ordered)(all, steps, MICROS[span]);
        },
      })),
    ));

  test('of rules that call one thing by two names, an event being of both groups if they differ', () =>
    agree(span =>
      fc.constantFrom('temporal', 'event_count').map(type => ({
        yaml: `${plain('ra', 'a, b')}${plain('rb', 'b, c')}
title: it
correlation:
  type: ${type}
  rules: [ra, rb]
  aliases: { who: { ra: user_id, rb: model } }
  group-by: [session_id, who]
  timespan: ${span}
  ${type === 'event_count' ? 'condition: { gte: 3 }' : ''}`,
        expected: events => {
          const of = (names: readonly string[], who: (e: Told) => string | null, mark: string): Told[] =>
            events.filter(is(...names)).map(e => ({ ...e, user: who(e), kind: mark }));
          const a = of(['a', 'b'], e => e.user, 'a');
          const b = of(['b', 'c'], e => (e.ip === '10.0.0.1' ? 'ann' : 'bob'), 'b');
          const isIn = (some: readonly Told[], e: Told): boolean =>
            some.some(o => o.seq === e.seq && o.user === e.user);
          const both = [
            ...a.map(e => (isIn(b, e) ? { ...e, kind: 'ab' } : e)),
            ...b.filter(e => !isIn(a, e)),
          ];
          if (type === 'temporal') return temporal(both, [is('a', 'ab'), is('b', 'ab')], MICROS[span]);
          return counted(both, { type, span: MICROS[span], met: v => v >= 3 });
        },
      })),
    ));
});
