import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compact } from '../../src/compact/compact.ts';
import { type Entry, entryHash, formatEntry } from '../../src/log/entry.ts';
import type { Range } from '../../src/log/ranges.ts';
import { compactLines, pruneLines, redactLines, type RestatedFile } from '../../src/log/restate.ts';
import type { SignerKey } from '../../src/note/key.ts';
import { prune } from '../../src/prune/prune.ts';
import { redact } from '../../src/redact/redact.ts';
import { quarantinePath, recordsPath } from '../../src/store/layout.ts';
import { digestFile } from '../../src/store/store.ts';
import type { FindingCode } from '../../src/verify/finding.ts';
import type { Clocked } from '../clocked.ts';
import {
  appendSegment,
  currentKey,
  entryOf,
  notesOf,
  ownKey,
  type Place,
  rewrite as rewriteLog,
  signed,
} from './forge.ts';

/**
 * What a thief of today's keys, or a patched program, can do with entries that delete and restate, and what verify says of it. The log
 * of each: a policy (30 to 60 days), four segments on the first day, joined into one file on the second, a fifth on the 40th, and a hold on it.
 */
export interface Deletion {
  readonly name: string;
  readonly codes: readonly FindingCode[];
  readonly run: (log: Clocked) => Promise<void>;
}

const POLICY = 1;
export const FIFTH = 4;

/** The log that is attacked. */
export async function prepareDeletions(log: Clocked): Promise<void> {
  await log.days(30, 60);
  for (let n = 0; n < 4; n++) await log.seal(2);
  log.pass(1);
  await compact(log.store, log.at);
  log.pass(39);
  await log.seal(2);
  await log.hold({ segments: [[FIFTH, FIFTH]] });
}

const pathOf = (log: Clocked, segment: number): string => {
  const { inventory } = log.history();
  const file = inventory.files.get(segment)!;
  return recordsPath(log.store.at, file, inventory.get(file.segments[0]!)!.at);
};

const placeOf = (log: Clocked): Place => ({
  store: log.store.at.store,
  keys: join(log.folder, 'keys'),
  heads: join(log.folder, 'heads'),
});

/** A prune entry that nobody judged, and the files gone. */
async function forgedPrune(log: Clocked, segments: readonly Range[], more: object = {}): Promise<void> {
  const pruned = [
    { class: 'default', cutoff: `${new Date(log.now).toISOString().slice(0, 23)}000Z`, segments },
  ];
  const paths = segments.filter(([n]) => n < 5).map(([n]) => pathOf(log, n));
  await log.append({
    kind: 'prune',
    lines: pruneLines({ policy: POLICY, reason: 'age', pruned, files: [], ...more }),
  });
  for (const path of paths) rmSync(path);
}

async function stated(path: string, segments: readonly Range[]): Promise<RestatedFile> {
  const { sha256, bytes } = (await digestFile(path))!;
  return { sha256, bytes, segments };
}

export const DELETIONS: readonly Deletion[] = [
  { name: 'nothing', codes: [], run: () => Promise.resolve() },
  {
    name: 'a joined file is deleted by hand',
    codes: ['PAYLOAD_MISSING'],
    run: async log => rmSync(pathOf(log, 0)),
  },
  {
    name: 'a prune that the program would make',
    codes: [],
    run: async log => {
      await forgedPrune(log, [[0, 3]]);
    },
  },
  {
    name: 'a prune before the minimum',
    codes: ['PRUNE_OUTSIDE_POLICY', 'PRUNE_UNDER_HOLD'],
    run: log => forgedPrune(log, [[FIFTH, FIFTH]]),
  },
  {
    name: 'a prune under a hold',
    codes: ['PRUNE_UNDER_HOLD'],
    run: log => {
      log.pass(35);
      return forgedPrune(log, [[FIFTH, FIFTH]]);
    },
  },
  {
    name: 'a hold that is released and pruned under on the same day',
    codes: ['PRUNE_UNDER_HOLD'],
    run: async log => {
      log.pass(35);
      await log.release();
      await forgedPrune(log, [[FIFTH, FIFTH]]);
    },
  },
  {
    name: 'a policy that lets all go, and a prune on the same day',
    codes: ['PRUNE_OUTSIDE_POLICY', 'PRUNE_UNDER_HOLD'],
    run: async log => {
      const entry = await log.days(0, 1, { retroactive: true });
      await forgedPrune(log, [[FIFTH, FIFTH]], { policy: entry });
    },
  },
  {
    name: 'the clock set forward by two years for a prune',
    codes: ['ENTRY_FUTURE', 'PRUNE_OUTSIDE_POLICY', 'PRUNE_UNDER_HOLD'],
    run: async log => {
      log.pass(730);
      await forgedPrune(log, [[FIFTH, FIFTH]]);
      log.pass(-730);
    },
  },
  {
    name: 'a prune that names another policy than the one in force',
    codes: ['PRUNE_OUTSIDE_POLICY'],
    run: log => forgedPrune(log, [[0, 3]], { policy: 0 }),
  },
  {
    name: 'a prune of another class, with a cutoff before its segments',
    codes: ['PRUNE_OUTSIDE_POLICY'],
    run: log =>
      forgedPrune(log, [[0, 3]], {
        pruned: [{ class: 'auth', cutoff: '2025-01-01T00:00:00.000000Z', segments: [[0, 3]] }],
      }),
  },
  {
    name: 'a prune of segments that there are not, or twice',
    codes: ['RESTATED_WRONG'],
    run: async log => {
      await forgedPrune(log, [
        [0, 3],
        [77, 99],
      ]);
      const twice = [
        { class: 'default', cutoff: '2026-02-01T00:00:00.000000Z', segments: [[0, 0] as const] },
      ];
      await log.append({
        kind: 'prune',
        lines: pruneLines({ policy: POLICY, reason: 'age', pruned: twice, files: [] }),
      });
    },
  },
  {
    name: 'a prune of a part of a file, whose rest is left unsaid',
    codes: ['RESTATED_WRONG'],
    run: async log => {
      const pruned = [
        { class: 'default', cutoff: '2026-02-01T00:00:00.000000Z', segments: [[0, 1] as const] },
      ];
      await log.append({
        kind: 'prune',
        lines: pruneLines({ policy: POLICY, reason: 'age', pruned, files: [] }),
      });
    },
  },
  {
    name: 'records edited, then stated by a compaction',
    codes: ['RECORDS_MISMATCH'],
    run: async log => {
      const path = pathOf(log, 0);
      const { withEngine, quote } = await import('../../src/duck/engine.ts');
      const edited = join(log.folder, 'edited.parquet');
      await withEngine({}, db =>
        db.run(
          `COPY (SELECT * REPLACE (CASE WHEN user_id = 'u-0' THEN 'u-9' ELSE user_id END AS user_id) FROM read_parquet(${quote(path)})) TO ${quote(edited)} (FORMAT parquet)`,
        ),
      );
      const entry = await log.append({
        kind: 'compact',
        lines: compactLines({ files: [await stated(edited, [[0, 3]])] }),
      });
      copyFileSync(edited, path.replace(/\d+\.parquet$/, `${entry}.parquet`));
    },
  },
  {
    name: 'a payload swapped for the one before a redaction',
    codes: ['PAYLOAD_ALTERED'],
    run: async log => {
      const old = join(log.folder, 'old.parquet');
      const before = pathOf(log, 0);
      copyFileSync(before, old);
      await redact(
        log.store,
        { sql: 'SELECT 1 AS seq', parameters: {} },
        { ...log.at, reason: 'test', query: { memory: 1 << 28 }, texts: [] },
      );
      writeFileSync(pathOf(log, 0), readFileSync(old));
    },
  },
  {
    name: 'a redaction that no file shows',
    codes: ['RECORDS_MISMATCH'],
    run: async log => {
      const path = pathOf(log, 0);
      const entry = await log.append({
        kind: 'redact',
        lines: redactLines({
          policy: POLICY,
          reason: 'test',
          rows: [{ segment: 0, rows: [[0, 0]] }],
          quarantine: [],
          files: [await stated(path, [[0, 3]])],
        }),
      });
      cpSync(path, path.replace(/\d+\.parquet$/, `${entry}.parquet`));
    },
  },
  {
    name: 'a redaction before the minimum, under a hold',
    codes: ['REDACT_OUTSIDE_POLICY', 'REDACT_UNDER_HOLD'],
    run: async log => {
      const { rewrite } = await import('../../src/compact/rewrite.ts');
      const { statedFile } = await import('../../src/compact/state.ts');
      const made = await rewrite(log.store.at, log.history().inventory, [FIFTH], new Map([[FIFTH, [1]]]));
      const path = pathOf(log, FIFTH);
      const entry = await log.append({
        kind: 'redact',
        lines: redactLines({
          policy: POLICY,
          reason: 'test',
          rows: [{ segment: FIFTH, rows: [[1, 1]] }],
          quarantine: [],
          files: [statedFile(made)],
        }),
      });
      cpSync(made.path, path.replace('.parquet', `.${entry}.parquet`));
      rmSync(made.path);
      rmSync(path);
    },
  },
  {
    name: 'a release of a hold that there is not',
    codes: ['HOLD_UNKNOWN'],
    run: async log => void (await log.release({ id: 'deadbeef' })),
  },
  {
    name: 'a file under a name that an entry could have given it',
    codes: ['STRAY_FILE'],
    run: async log => copyFileSync(pathOf(log, 0), pathOf(log, 0).replace(/\d+\.parquet$/, '2.parquet')),
  },
  {
    name: 'a segment that names an older policy, which lets go sooner, than the one in force',
    codes: ['SEGMENT_POLICY'],
    run: async log => {
      await log.days(90, 120);
      await log.seal(2);
      await appendSegment(placeOf(log), { sql: 'FROM t' }, () => ({ policy: POLICY }));
    },
  },
  {
    name: 'a redaction of rows that there are not, more than fit in memory',
    codes: ['RESTATED_WRONG'],
    run: async log => {
      const path = pathOf(log, 0);
      const entry = await log.append({
        kind: 'redact',
        lines: redactLines({
          policy: POLICY,
          reason: 'test',
          rows: [{ segment: 0, rows: [[2, 1e14]] }],
          quarantine: [],
          files: [await stated(path, [[0, 3]])],
        }),
      });
      cpSync(path, path.replace(/\d+\.parquet$/, `${entry}.parquet`));
    },
  },
  {
    name: 'a policy of a newer slmaudit, by which it seals and prunes: it can not be judged here',
    codes: ['WRITTEN_BY_NEWER'],
    run: async log => {
      const at = placeOf(log);
      const path = pathOf(log, FIFTH);
      const notes = notesOf(at);
      const policy = notes.length;
      const pruned = [
        { class: 'default', cutoff: '2026-12-01T00:00:00.000000Z', segments: [[FIFTH, FIFTH] as const] },
      ];
      const { origin, at: time } = entryOf(notes.at(-1)!);
      const add = (own: Pick<Entry, 'kind' | 'version' | 'lines'>, key: SignerKey): void => {
        const index = notes.length;
        const frame = { origin, index, at: time, prev: entryHash(notes.at(-1)!), next: ownKey(index + 1) };
        notes.push(signed(formatEntry({ ...frame, ...own }), key));
      };
      add({ kind: 'policy', version: 2, lines: [] }, currentKey(at));
      const lines = pruneLines({ policy, reason: 'age', pruned, files: [] });
      add({ kind: 'prune', version: 1, lines }, ownKey(policy + 1));
      rewriteLog(at, notes);
      rmSync(path);
    },
  },
  {
    name: 'redactions, a prune that leaves what is held of a file, and files that an interrupted writer has left',
    codes: [],
    run: async log => {
      await log.hold({ id: '0000000b', segments: [[1, 1]] });
      await log.sealText('{"ts":"2026-02-10T00:00:00Z"}\n{"ts":"2026-02-10T00:00:01Z"}\nbroken\n');
      log.pass(31);
      const left = [pathOf(log, 0), quarantinePath(log.store.at, FIFTH + 1)].map(
        path => [path, readFileSync(path)] as const,
      );
      const which = { sql: 'SELECT seq FROM records WHERE seq IN (0, 2, 10)', parameters: {} };
      const how = { ...log.at, reason: 'test', query: { memory: 1 << 28 }, texts: [] };
      await assert.rejects(redact(log.store, which, how), { code: 'REDACT_REFUSED' });
      which.sql = which.sql.replace(' 2,', '');
      await redact(log.store, which, { ...how, texts: ['broken'] });
      await prune(log.store, { ...log.at, clockIsRight: true });
      for (const [path, bytes] of left) writeFileSync(path, bytes);
      const { pending, checked } = await log.verify();
      assert.deepEqual(
        [pending.map(p => p.kind), checked.records, checked.pruned, checked.redacted],
        [['leftover', 'leftover'], 6, 6, 1],
      );
    },
  },
  {
    name: 'genesis is altered, and a prune stands behind it',
    codes: ['ENTRY_MALFORMED', 'ENTRY_CHAIN', 'ENTRY_SIGNATURE', 'FORK'],
    run: async log => {
      await forgedPrune(log, [[0, 3]]);
      const at = placeOf(log);
      rewriteLog(at, notesOf(at).with(0, Buffer.from('nothing\n')));
    },
  },
];
