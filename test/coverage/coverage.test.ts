import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { coverageOf } from '../../src/coverage/coverage.ts';
import type { Found } from '../../src/coverage/found.ts';
import type { Coverage } from '../../src/coverage/report.ts';
import { readTold } from '../../src/coverage/told.ts';
import { microsOf } from '../../src/record/time.ts';
import { openStore } from '../../src/store/store.ts';
import { retained } from '../retained.ts';
import type { Sandbox } from '../sandbox.ts';

let box: Sandbox;
let whole: Coverage;

async function asked(...args: readonly string[]): Promise<Coverage> {
  const run = await box.run(['coverage', '--format', 'json', ...args]);
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as Coverage;
}

before(async () => {
  box = await retained();
  whole = await asked();
});
after(() => box.remove());

test('days are counted from records, and stated by manifests where these were deleted', () => {
  const day = (n: number): Coverage['days'][number] => whole.days.find(d => d.day === `2026-05-0${n}`)!;
  assert.deepEqual(
    [1, 2, 3].map(n => {
      const { sealed, pruned, redacted, held, known } = day(n);
      return { sealed, pruned, redacted, held, known };
    }),
    [
      { sealed: 200, pruned: 200, redacted: 0, held: 0, known: 'manifests' },
      { sealed: 200, pruned: 0, redacted: 0, held: 200, known: 'records' },
      { sealed: 200, pruned: 0, redacted: 0, held: 0, known: 'records' },
    ],
  );
  assert.equal(day(1).first, '2026-05-01T00:00:00.000000Z');
  assert.deepEqual(whole.records, { sealed: 600, pruned: 200, redacted: 0, held: 200 });
  assert.deepEqual(whole.rejected, { lines: 1, retried: 0, deleted: 0 });
  assert.equal(whole.period?.from, '2026-05-01T00:00:00.000000Z');
});

test('each deletion is told with its entry, its policy and its reason', () => {
  assert.deepEqual(
    whole.deletions.map(({ kind, policy, presets, reason, segments, records }) => ({
      kind,
      policy,
      presets,
      reason,
      segments,
      records,
    })),
    [{ kind: 'prune', policy: 5, presets: ['pci-dss 2026-01-01'], reason: 'age', segments: 1, records: 200 }],
  );
});

test('silences lie between what came, and at the ends of what was asked for', async () => {
  assert.deepEqual(
    whole.silences.map(s => [s.from.slice(0, 13), s.to.slice(0, 13), s.known, s.alive]),
    [
      ['2026-05-01T00', '2026-05-02T04', 'manifests', 'no'],
      ['2026-05-02T04', '2026-05-03T08', 'records', 'no'],
    ],
  );
  const { silences, days } = await asked('--since', '2026-05-01', '--until', '2026-05-06');
  assert.equal(silences.length, 3);
  assert.equal(silences.at(-1)?.to, '2026-05-06T00:00:00.000000Z');
  assert.deepEqual(
    days.filter(d => d.known === 'nothing').map(d => d.day),
    ['2026-05-04', '2026-05-05'],
  );
  const fine = await asked('--silence', '2d');
  assert.deepEqual(fine.silences, []);
});

test('the pauses of the log itself are those of its entries', () => {
  const pauses = whole.log.pauses.map(p => Math.round(p.seconds / 86_400));
  assert.deepEqual(pauses, [10, 10, 39]);
});

test('days are those of the zone, and a source can be asked for alone', async () => {
  // The rejected line has no time: it is on the day on which it was sealed.
  const rejectedOn = new Date(Date.now() - 60 * 86_400_000 + 14 * 3_600_000).toISOString().slice(0, 10);
  const { days } = await asked('--zone', '+14:00', '--source', 'pipe', '--since', '2026-05-02');
  assert.deepEqual(
    days.map(d => [d.source, d.day, d.sealed]),
    [
      ['pipe', '2026-05-02', 200],
      ['pipe', '2026-05-03', 200],
      ['pipe', rejectedOn, 0],
    ],
  );
  assert.deepEqual((await asked('--source', 'nobody')).days, []);
});

test('a table stands under the lines that say what it says; rows for machines stand alone', async () => {
  const table = await box.run(['coverage', '--format', 'table']);
  assert.match(table.stdout, /^period {4}2026-05-01T00:00:00Z to 2026-05-03T.*, 1 source\n/);
  assert.match(
    table.stdout,
    /^records {3}600 records sealed, 200 of them deleted as recorded, 200 under a hold$/m,
  );
  assert.match(table.stdout, /^silence {3}2, the longest 1 d 4 h of pipe, /m);
  assert.match(
    table.stdout,
    /^deleted {3}200 records of 1 segment .* under policy 5 \(pci-dss 2026-01-01\), reason age$/m,
  );
  const csv = await box.run(['coverage', '--format', 'csv', '--silences']);
  assert.equal(csv.stdout.split('\n')[0], 'source,from,to,seconds,alive,heartbeats,known');
  assert.match(csv.stderr, /^period/m);
});

test('what a redaction left is told apart by what manifests say: by source where one is left, else for all together', () => {
  const told = readTold(openStore(box.store, box.keys).at);
  const sealed = told.inventory.get(1)!;
  // As if segment 1 had had two sources, and ten of its rows were redacted.
  const two = [
    { ...sealed.lines[0]!, source: 'a', records: 150 },
    { ...sealed.lines[0]!, source: 'b', records: 50 },
  ];
  const segments = told.inventory.segments.map(s => (s.segment === 1 ? { ...s, lines: two } : s));
  const inventory = Object.assign(Object.create(told.inventory) as typeof told.inventory, {
    segments,
    redacted: new Map([[1, [[0, 9]] as const]]),
  });
  const [first, last] = [microsOf(sealed.span!.from), microsOf(sealed.span!.to)];
  const found = {
    days: [
      { segment: 1, source: 'a', day: '2026-05-02', records: 144, own: 0, first, last },
      { segment: 1, source: 'b', day: '2026-05-02', records: 46, own: 0, first, last },
    ],
    gaps: [],
  };
  const looked = { zone: 'UTC', now: '2026-12-01T00:00:00.000000Z', since: '2026-05-02T00:00:00.000000Z' };
  const rows = (until: string): (string | number | undefined)[][] =>
    coverageOf({ ...told, inventory }, found, { ...looked, until })
      .days.filter(d => d.redacted > 0)
      .map(d => [d.source, d.sealed, d.redacted, d.known]);
  assert.deepEqual(rows('2026-05-03T00:00:00.000000Z'), [
    ['a', 150, 6, 'both'],
    ['b', 50, 4, 'both'],
  ]);
  assert.deepEqual(rows(sealed.span!.to), [[undefined, 10, 10, 'manifests']]);
});

test('the program itself is silent where nobody asks it, and no day is missed for that; others of its name are', () => {
  const told = readTold(openStore(box.store, box.keys).at);
  const at = microsOf('2026-05-02T10:00:00.000000Z');
  const day = { segment: 1, source: 'slmaudit', day: '2026-05-02', records: 3, own: 3, first: at, last: at };
  const looked = {
    zone: 'UTC',
    now: '2026-12-01T00:00:00.000000Z',
    since: '2026-05-02T00:00:00.000000Z',
    until: '2026-05-04T00:00:00.000000Z',
  };
  const missed = (days: Found['days'], source?: string): number[] => {
    const more = source === undefined ? {} : { source };
    const { silences, days: rows } = coverageOf(told, { days, gaps: [] }, { ...looked, ...more });
    const isOwn = (row: { readonly source?: string | undefined }): boolean => row.source === 'slmaudit';
    return [silences.filter(isOwn).length, rows.filter(r => isOwn(r) && r.known === 'nothing').length];
  };
  assert.deepEqual(missed([day]), [0, 0]);
  assert.deepEqual(missed([day], 'slmaudit'), [2, 1]);
  assert.deepEqual(missed([day, { ...day, own: 2 }]), [2, 1]);
});

test('an altered payload is no basis for an answer', async () => {
  const payload = box.files().find(f => f.endsWith('00000002.parquet'))!;
  appendFileSync(box.path('store', payload), 'x');
  const run = await box.run(['coverage']);
  assert.equal(run.code, 1);
  assert.equal(run.stdout, '');
  assert.match(run.stderr, /not those that were sealed/);
});
