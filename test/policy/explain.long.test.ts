import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inventory, type SealedSegment } from '../../src/log/inventory.ts';
import { policyLines } from '../../src/log/policy.ts';
import { later, Retention } from '../../src/log/retention.ts';
import { explain, segmentsText } from '../../src/policy/explain.ts';
import { readPolicy } from '../../src/policy/read.ts';
import type { History } from '../../src/store/history.ts';

const AT = '2026-01-01T00:00:00.000000Z';
const day = (n: number): string => later(AT, n);

/** Segment n of n + 1 records, sealed on day n / 4 under policy 1; files of 100 bytes each. */
const segment = (n: number, more: Partial<SealedSegment> = {}): SealedSegment => ({
  segment: n,
  class: 'default',
  first: 0,
  batch: '',
  span: { from: day(n), to: day(n + 1) },
  payload: { sha256: String(n), bytes: 100 },
  lines: [],
  damaged: 0,
  retried: [],
  policy: 1,
  entry: n + 2,
  at: day(Math.floor(n / 4) + n / 100),
  records: n + 1,
  root: Buffer.alloc(32),
  ...more,
});

function historyOf(inventory: Inventory, preset: string): History {
  const retention = new Retention(AT);
  const lines = policyLines(readPolicy(preset).policy);
  retention.add({ origin: 'a', index: 1, kind: 'policy', version: 1, at: AT, lines });
  const { segments } = inventory;
  return { head: {} as History['head'], genesis: Buffer.alloc(32), segments, inventory, retention, at: AT };
}

const rejected = { count: 1, sha256: 'q', bytes: 7 };
const inventory = new Inventory(s => s, {
  segments: [
    segment(0),
    segment(1, { rejected }),
    segment(2, { rejected }),
    segment(3, { class: 'other' }),
    segment(4),
    segment(5),
  ],
  restated: [{ sha256: 'r', bytes: 101, segments: [0, 1], entry: 9, isRestated: true }],
  pruned: [[5, 10]],
  unquarantined: [2],
});

test('rows are days of sealing by class; what was deleted is in none; a file that is shared is counted once', () => {
  const all = explain(historyOf(inventory, 'default'), day(1000), 'day');
  assert.deepEqual(
    all.map(e => [e.sealedOn, e.class, segmentsText(e), e.records, e.bytes, e.fate, e.why]),
    [
      ['2026-01-01', 'default', '0-2', 6, 101 + 7 + 100, 'goes', 'maximum'],
      ['2026-01-01', 'other', '3', 4, 100, 'goes', 'maximum'],
      ['2026-01-02', 'default', '4', 5, 100, 'goes', 'maximum'],
    ],
  );
  assert.deepEqual(all[0]!.span, { from: day(0), to: day(3) });
  assert.deepEqual([all[0]!.freeFrom, all[0]!.due], [day(184.02), day(400.02)], 'of the last of them');
});

test('segment by segment, a shared file is shared out by records, to the byte', () => {
  const all = explain(historyOf(inventory, 'default'), day(10), 'segment');
  assert.deepEqual(
    all.map(e => [segmentsText(e), e.bytes]),
    [
      ['0', 33],
      ['1', 68 + 7],
      ['2', 100],
      ['3', 100],
      ['4', 100],
    ],
  );
  assert.ok(all.every(e => e.fate === 'stays' && e.why === 'minimum' && e.policy === 1));
});

test('a maximum that is not over, and none at all, are told apart', () => {
  assert.equal(explain(historyOf(inventory, 'default'), day(300), 'day')[0]!.why, 'not due');
  const [first] = explain(historyOf(inventory, 'eu-ai-act'), day(300), 'day');
  assert.deepEqual(
    [first!.fate, first!.why, first!.due, first!.basis],
    ['stays', 'no maximum', undefined, ['eu-ai-act:19(1)']],
  );
});

test('a hundred thousand segments under some policies and holds are explained in seconds', () => {
  const many = new Inventory(s => s, {
    segments: Array.from({ length: 100_000 }, (_, n) => segment(n, { at: day(n / 50_000), policy: 1 })),
  });
  const history = historyOf(many, 'default');
  for (let i = 0; i < 4; i++)
    history.retention.add({
      origin: 'a',
      index: 10 + i,
      kind: 'policy',
      version: 1,
      at: day(i),
      lines: policyLines(readPolicy(i % 2 ? 'hipaa' : 'default').policy),
    });
  for (let i = 0; i < 10; i++)
    history.retention.addHold(20 + i, day(10), {
      id: String(i),
      reason: 'c',
      by: 'b',
      segments: [[i, i * 1000]],
    });
  const began = performance.now();
  const all = explain(history, day(500), 'day');
  assert.equal(
    all.reduce((n, e) => n + e.segments.length, 0),
    100_000,
  );
  assert.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`);
});
