import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMac } from '../../src/keys/hash.ts';
import { OPEN_SPAN } from '../../src/normalize/memory.ts';
import { createNormalizer, type Normalizer } from '../../src/normalize/normalize.ts';
import type { AuditRecord } from '../../src/record/schema.ts';

const normalizer = (scattered = false): Normalizer =>
  createNormalizer({
    mac: createMac(Buffer.alloc(32, 9)),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    scattered,
  });

const bytes = (line: object): Buffer => Buffer.from(JSON.stringify(line), 'utf8');

/** Records of lines, one after the other; what waits at the end too. */
function recordsOf(lines: readonly object[]): AuditRecord[] {
  const reading = normalizer();
  const records: AuditRecord[] = [];
  let offset = 0;
  for (const line of lines) {
    const raw = bytes(line);
    const outcome = reading.line(raw, offset);
    if ('records' in outcome) records.push(...outcome.records);
    offset += raw.length + 1;
  }
  return [...records, ...reading.rest('all').records];
}

const chunk = (id: string, rest: object): object => ({
  id,
  object: 'chat.completion.chunk',
  created: 1_777_593_607,
  model: 'qwen3-4b',
  ...rest,
});

/** A stream as OpenAI-compatible servers write it: a role, pieces, an end, and counts if they were asked for. */
function streamOf(id: string, pieces: readonly string[], usage: boolean): object[] {
  const choices = (delta: object, reason: string | null = null): object => ({
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
  return [
    chunk(id, choices({ role: 'assistant', content: '' })),
    ...pieces.map(content => chunk(id, choices({ content }))),
    chunk(id, choices({}, 'stop')),
    ...(usage
      ? [chunk(id, { choices: [], usage: { prompt_tokens: 7, completion_tokens: pieces.length } })]
      : []),
  ];
}

const bodyOf = (content: string): object => ({
  id: 'whole',
  object: 'chat.completion',
  created: 1_777_593_607,
  model: 'qwen3-4b',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
});

const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { minLength: 1, maxLength: 5 });

test('chunks make one record with the hash that the same text has in one body', () => {
  fc.assert(
    fc.property(texts, fc.boolean(), (pieces, usage) => {
      const [record, ...more] = recordsOf(streamOf('c-1', pieces, usage));
      const [whole] = recordsOf([bodyOf(pieces.join(''))]);
      assert.deepEqual(more, []);
      assert.equal(record!.completion_hash, whole!.completion_hash);
      assert.equal(record!.completion_chars, whole!.completion_chars);
      assert.deepEqual(
        [record!.stream, record!.status, record!.finish_reason, record!.input_tokens],
        [true, 'ok', 'stop', usage ? 7 : undefined],
      );
    }),
  );
});

test('streams at once, in any order of their chunks, make the records that each makes alone', () => {
  const streams = fc.array(fc.tuple(texts, fc.boolean()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(streams, fc.infiniteStream(fc.nat(3)), (all, turns) => {
      const waiting = all.map(([pieces, usage], i) => streamOf(`c-${i}`, pieces, usage));
      const alone = waiting.flatMap(recordsOf).map(withoutId);
      const lines: object[] = [];
      for (const turn of turns) {
        const left = waiting.filter(s => s.length > 0);
        if (left.length === 0) break;
        lines.push(left[turn % left.length]!.shift()!);
      }
      const byId = (a: Partial<AuditRecord>, b: Partial<AuditRecord>): number =>
        a.request_id! < b.request_id! ? -1 : 1;
      assert.deepEqual(recordsOf(lines).map(withoutId).sort(byId), alone.sort(byId));
    }),
  );
});

function withoutId({ event_id: _id, ...rest }: AuditRecord): Partial<AuditRecord> {
  return rest;
}

test('a stream whose beginning nobody saw has no completion hash; one whose end nobody saw has no status', () => {
  const lines = streamOf('c-1', ['a', 'b'], true);
  const [late] = recordsOf(lines.slice(1));
  assert.deepEqual([late!.completion_hash, late!.input_tokens, late!.status], [undefined, 7, 'ok']);
  const [early] = recordsOf(lines.slice(0, 2));
  assert.deepEqual([early!.finish_reason, early!.status], [undefined, 'unknown']);
  assert.ok(early!.completion_hash);
});

test('what waits is told of after so many bytes, once, under the id of its first line; what an earlier run told of is not', () => {
  const lines = streamOf('c-1', ['a'], false).slice(0, 2);
  const other = { id: 'x', object: 'chat.completion', created: 1_777_593_607, model: 'm', choices: [] };
  const reading = normalizer();
  assert.equal(reading.waiting, 0);
  reading.line(bytes(lines[0]!), 0);
  reading.line(bytes(lines[1]!), 200);
  assert.equal(reading.waiting, 2);
  const before = reading.line(bytes(other), OPEN_SPAN);
  assert.ok('records' in before && before.records.length === 1);
  const after = reading.line(bytes(other), OPEN_SPAN + 300);
  assert.ok('records' in after);
  assert.deepEqual(
    after.records.map(r => r.request_id),
    ['c-1', 'x'],
  );
  assert.equal(reading.waiting, 0);
  const alone = normalizer();
  alone.line(bytes(lines[0]!), 0);
  assert.equal(alone.rest('all').records[0]!.event_id, after.records[0]!.event_id);

  const again = normalizer();
  again.line(bytes(lines[0]!), 0);
  again.markTold();
  assert.deepEqual([again.waiting, again.rest('all').records], [0, []]);
});

test('an end that may be followed by counts waits for them, but not for long', () => {
  const reading = normalizer();
  let offset = 0;
  for (const line of streamOf('c-1', ['a'], false)) reading.line(bytes(line), (offset += 200));
  assert.deepEqual(
    reading.rest('enough').records.map(r => r.request_id),
    ['c-1'],
  );
  assert.deepEqual(reading.rest('all').records, []);
});

test('where lines are not seen in order nothing is gathered: a part that needs others is rejected', () => {
  const [first] = streamOf('c-1', ['a'], true);
  assert.deepEqual(normalizer(true).line(bytes(first!), 0), { reject: 'unknown_format' });
});

test('SGLang: what was received and what was finished are one record that began when it was received', () => {
  const received = (rid: string, s: string): object => ({
    timestamp: `2026-05-01T00:00:${s}`,
    event: 'request.received',
    rid,
    obj: { text: 'Hello' },
  });
  const finished = (rid: string, s: string): object => ({
    timestamp: `2026-05-01T00:00:${s}`,
    event: 'request.finished',
    rid,
    obj: { text: 'Hello' },
    out: { meta_info: { finish_reason: { type: 'stop' }, completion_tokens: 3, e2e_latency: 0.5 } },
  });
  const records = recordsOf([
    received('a', '07.603000'),
    received('b', '07.700000'),
    received('c', '07.800000'),
    finished('b', '08.200000'),
    finished('a', '08.103000'),
  ]);
  assert.deepEqual(
    records.map(r => [r.request_id, r.ts, r.status, r.output_tokens, r.prompt_chars]),
    [
      ['b', '2026-05-01T00:00:07.700000Z', 'ok', 3, 5],
      ['a', '2026-05-01T00:00:07.603000Z', 'ok', 3, 5],
      ['c', '2026-05-01T00:00:07.800000Z', 'unknown', undefined, 5],
    ],
  );
});

test('a time that could not be sealed makes no record, whoever said it', () => {
  const reading = createNormalizer({
    mac: createMac(Buffer.alloc(32, 9)),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    arrival: () => '2026-05-01T00:00:07.000000000Z',
  });
  const line = Buffer.from('INFO:     192.0.2.7:50024 - "POST /v1/completions HTTP/1.1" 200 OK');
  assert.deepEqual(reading.line(line, 0), { reject: 'unreadable' });
});

test('event ids stay apart: of a part and a whole in one line, and of what was told of and goes on', () => {
  const [first, second] = streamOf('c-1', ['a'], false);
  const both = Buffer.from(JSON.stringify([first, bodyOf('x')]), 'utf8');
  const reading = normalizer();
  const outcome = reading.line(both, 0);
  assert.ok('records' in outcome);
  const [rest] = reading.rest('all').records;
  assert.notEqual(outcome.records[0]!.event_id, rest!.event_id);

  const once = normalizer();
  once.line(bytes(first!), 0);
  const [told] = once.rest('all').records;
  const next = normalizer();
  next.line(bytes(first!), 0);
  next.markTold();
  next.line(bytes(second!), 300);
  const [more] = next.rest('all').records;
  assert.equal(more!.request_id, told!.request_id);
  assert.notEqual(more!.event_id, told!.event_id);
});
