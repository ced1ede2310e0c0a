import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createMac } from '../../src/keys/hash.ts';
import { FORMATS } from '../../src/normalize/formats.ts';
import { createNormalizer, type Outcome } from '../../src/normalize/normalize.ts';
import { unwrapObject } from '../../src/normalize/wrapper.ts';
import { canonicalLine } from '../../src/record/canonical.ts';
import { formatJson, JsonNumber, type JsonValue, parseJson } from '../../src/record/json.ts';
import { type AuditRecord, COLUMNS } from '../../src/record/schema.ts';
import { microsOf } from '../../src/record/time.ts';

const mac = createMac(Buffer.alloc(32, 9));

/** Of a line that stands alone: what it is part of is told of at once. */
function read(line: string, name: string): Outcome {
  const reading = createNormalizer({
    mac,
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    times: { now: microsOf('2026-06-01T00:00:00.000000Z') },
    format: { adapter: FORMATS.find(f => f.name === name)!, forced: true },
  });
  const outcome = reading.line(Buffer.from(line, 'utf8'), 1);
  const { records } = reading.rest('all');
  return 'skip' in outcome && records.length > 0 ? { records } : outcome;
}

const linesOf = (name: string): string[] =>
  readFileSync(`fixtures/formats/${name}.log`, 'utf8').split('\n').slice(0, -1);

const WRONG: readonly (readonly [string, JsonValue])[] = [
  ['an object', new Map<string, JsonValue>([['zebra', 'teapot']])],
  ['a list', ['teapot']],
  ['a word', 'teapot'],
  ['true', true],
  ['null', null],
  ['negative', -5],
  ['10^18', new JsonNumber('1000000000000000000')],
  ['beyond 64 bits', new JsonNumber('1e400')],
  ['1970', '1970-01-01T00:00:00Z'],
  ['2199', '2199-12-31T23:59:59.999999Z'],
];

type Step = string | number;

/** Where something stands in a value, the outer before the inner. */
function pathsOf(value: JsonValue, at: readonly Step[] = []): (readonly Step[])[] {
  if (at.length > 8) return [];
  const inner: (readonly [Step, JsonValue])[] = Array.isArray(value)
    ? value.slice(0, 2).map((v, i) => [i, v] as const)
    : value instanceof Map
      ? [...value]
      : [];
  return inner.flatMap(([step, v]) => [[...at, step], ...pathsOf(v, [...at, step])]);
}

/** A copy with something else at `path`; without it, for undefined. */
function changed(value: JsonValue, [step, ...rest]: readonly Step[], to: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) {
    const copy = [...value];
    if (rest.length > 0) copy[step as number] = changed(copy[step as number]!, rest, to);
    else if (to === undefined) copy.splice(step as number, 1);
    else copy[step as number] = to;
    return copy;
  }
  const copy = new Map(value as Map<string, JsonValue>);
  if (rest.length > 0) copy.set(step as string, changed(copy.get(step as string)!, rest, to));
  else if (to === undefined) copy.delete(step as string);
  else copy.set(step as string, to);
  return copy;
}

function checkRecord(record: AuditRecord, about: string): void {
  assert.doesNotThrow(() => canonicalLine(record), about);
  assert.match(record.ts, /^(?:19[789]\d|20\d\d|21\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, about);
  for (const { name, type, min, oneOf } of COLUMNS) {
    const v = record[name];
    if (v === undefined) continue;
    const where = `${about}: ${name} = ${v}`;
    if (type.startsWith('int')) assert.ok(Number.isSafeInteger(v) && (v as number) >= (min ?? -1), where);
    else if (type === 'bool') assert.equal(typeof v, 'boolean', where);
    else assert.ok(typeof v === 'string' && v !== '', where);
    if (oneOf) assert.ok(oneOf.includes(v as string), where);
  }
}

/** What is in these is hashed, or not even that. */
const CONTENT: ReadonlySet<string> = new Set([
  'content',
  'messages',
  'choices',
  'parts',
  'output',
  'response',
  'role',
]);

/** What carries a line has members of its own, of which host and program are kept. */
const isCarried = (value: JsonValue): boolean => value instanceof Map && unwrapObject(value) !== undefined;

const droppedOf = (record: AuditRecord): number =>
  (JSON.parse(record.extra ?? '{}') as Record<string, number>)['_dropped'] ?? 0;

for (const { name, fields } of FORMATS) {
  test(`${name}: a wrong, absurd or missing value costs no record its truth, and nothing crashes`, () => {
    for (const line of linesOf(name)) {
      let value: JsonValue;
      try {
        value = parseJson(line);
      } catch {
        continue;
      }
      const before = read(line, name);
      for (const path of pathsOf(value).slice(0, 150)) {
        for (const [what, wrong] of [...WRONG, ['nothing', undefined] as const]) {
          const about = `${path.join('.')} as ${what}`;
          const outcome = read(formatJson(changed(value, path, wrong)), name);
          assert.ok(!('reject' in outcome) || outcome.reject !== 'unreadable', about);
          if (!('records' in outcome)) continue;
          for (const record of outcome.records) checkRecord(record, about);
          // What stood in for the value is somewhere, or it was counted, or was content.
          const isContent = path.some(step => CONTENT.has(String(step)));
          if (what !== 'a word' || !('records' in before) || isCarried(value) || isContent) continue;
          const all = (records: readonly AuditRecord[]): number =>
            records.reduce((n, r) => n + droppedOf(r), 0);
          const shown = JSON.stringify(outcome.records);
          const hashed =
            shown.match(/_hash":"[0-9a-f]{64}/g)?.join() !==
            JSON.stringify(before.records)
              .match(/_hash":"[0-9a-f]{64}/g)
              ?.join();
          const kept =
            shown.includes('teapot') ||
            outcome.reject !== undefined ||
            all(outcome.records) > 0 ||
            hashed ||
            outcome.records.length < before.records.length ||
            shown.includes('hmac:');
          assert.ok(kept, `${about}: gone from ${shown.slice(0, 600)}`);
        }
      }
    }
  });

  test(`${name}: a line cut anywhere is a record, skipped or rejected`, () => {
    for (const line of linesOf(name).slice(0, 12)) {
      const step = Math.max(1, Math.floor(line.length / 200));
      for (let end = 0; end < line.length; end += step) {
        const outcome = read(line.slice(0, end), name);
        assert.ok(!('reject' in outcome) || outcome.reject !== 'unreadable', line.slice(0, end));
        if ('records' in outcome) {
          for (const record of outcome.records) checkRecord(record, line.slice(0, end));
          // JSON that is cut is no JSON.
          assert.ok(fields || end === 0 || !line.startsWith('{'), line.slice(0, end));
        }
      }
    }
  });
}
