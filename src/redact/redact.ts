import { join } from 'node:path';
import { type Made, rewrite } from '../compact/rewrite.ts';
import { finishDecided, restate, statedFile } from '../compact/state.ts';
import { AuditError } from '../errors.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { rangesOf } from '../log/ranges.ts';
import { redactLines } from '../log/restate.ts';
import type { Refusal } from '../log/retention.ts';
import { retriedLines, sealedLines } from '../quarantine/quarantine.ts';
import { query, type Question, type QueryOptions } from '../query/query.ts';
import { spellingsOf } from '../record/spellings.ts';
import { instantOf } from '../store/clock.ts';
import { removeFile } from '../store/durable.ts';
import { type History, readHistory } from '../store/history.ts';
import { readRecordKeys } from '../store/keys.ts';
import { localPin, type Store } from '../store/store.ts';

export interface RedactOptions {
  readonly lockWaitMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly dryRun: boolean;
  readonly reason: string;
  readonly query: QueryOptions;
  /** Rejected lines that hold one of these go too, with all that were rejected in their segments. */
  readonly texts: readonly string[];
  /** As `texts`, but whatever the case, as `--text` is looked for in records. */
  readonly anyCase?: string;
}

export interface Redacted {
  readonly records: number;
  readonly segments: readonly number[];
  /** Segments whose rejected lines go. */
  readonly quarantine: readonly number[];
  /** Records that were found and can't be redacted yet: open segments are sealed first. */
  readonly open: number;
  readonly entry?: number;
}

/**
 * Leaves of some records nothing but their leaf hashes: everything still verifies, proofs of other records still hold, and what they said
 * is gone from payloads, from quarantine and from what queries remember. `which`: its rows have the column `seq`.
 * Throws REDACT_REFUSED where a policy or a hold keeps one of them: nothing is done then.
 */
export async function redact(store: Store, which: Question, options: RedactOptions): Promise<Redacted> {
  const now = instantOf(options.now);
  if (!options.dryRun) await finishDecided(store, options.lockWaitMs);
  const { places, open } = await find(store, which, options.query);
  const history = readHistory(store.at, localPin(store));
  const { inventory } = history;
  const rows = byRow(inventory.segments, places);
  const quarantine = rejectedWith(store, history, options);
  const touched = [...new Set([...rows.keys(), ...quarantine])].toSorted((a, b) => a - b);
  const refused = refusals(history, touched, now);
  if (refused.length > 0) throw keptBack(refused);
  const records = [...rows.values()].reduce((sum, r) => sum + r.length, 0);
  const result = { records, segments: [...rows.keys()], quarantine, open };
  if (options.dryRun || (records === 0 && quarantine.length === 0)) return result;
  const made: Made[] = [];
  const files = [...new Set([...rows.keys()].map(n => inventory.files.get(n)!))];
  for (const file of files) made.push(await rewrite(store.at, inventory, file.segments, rows));
  const entry = await restate(store, history, options, made, () => {
    if (refusals(history, touched, now).length > 0) return undefined;
    const lines = redactLines({
      policy: history.retention.newest.entry,
      reason: options.reason,
      rows: [...rows].map(([segment, some]) => ({ segment, rows: rangesOf(some) })),
      quarantine: rangesOf(quarantine),
      files: made.map(statedFile),
    });
    return { kind: 'redact', lines };
  });
  if (entry === undefined)
    throw new AuditError('LOG_MOVED', 'a hold, a policy, a prune or a compaction came in between', {
      hint: 'nothing was redacted: run the same command again',
    });
  // What queries remember of the files before them: filters hold traces of users and addresses.
  const { known } = options.query;
  if (known !== undefined)
    for (const { sha256 } of files) removeFile(join(known, 'filters', `${sha256}.filter`));
  return { ...result, entry };
}

/** Places of records in the log, and how many are in no place yet. */
async function find(
  store: Store,
  which: Question,
  options: QueryOptions,
): Promise<{ places: number[]; open: number }> {
  const places: number[] = [];
  let open = 0;
  let at = 0;
  await query(store, which, options, {
    columns: columns => {
      at = columns.findIndex(c => c.name === 'seq');
    },
    rows: rows => {
      for (const row of rows) {
        const seq = row[at] ?? null;
        if (seq === null) open++;
        else places.push(Number(seq));
      }
      return true;
    },
    end: () => undefined,
  });
  return { places: places.toSorted((a, b) => a - b), open };
}

/** Rows by segment, both in order. */
function byRow(segments: readonly SealedSegment[], places: readonly number[]): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  let i = 0;
  for (const seq of places) {
    while (i < segments.length && seq >= segments[i]!.first + segments[i]!.records) i++;
    const { segment, first } = segments[i]!;
    rows.set(segment, [...(rows.get(segment) ?? []), seq - first]);
  }
  return rows;
}

/** Segments of which a rejected line holds one of these texts. Throws KEY_MISMATCH where they can't be opened. */
function rejectedWith(
  store: Store,
  { inventory, segments }: History,
  { texts, anyCase }: RedactOptions,
): number[] {
  if (texts.length === 0 && anyCase === undefined) return [];
  const lowered = anyCase?.toLowerCase();
  const held = segments.filter(s => inventory.hasRejected(s));
  if (held.length === 0) return [];
  const keys = readRecordKeys(store.keys);
  const retried = retriedLines(segments);
  return held
    .filter(segment =>
      [...sealedLines(store, segment, retried)].some(line =>
        spellingsOf(line.open(keys).toString('utf8')).some(raw => {
          if (lowered !== undefined && raw.toLowerCase().includes(lowered)) return true;
          return texts.some(text => raw.includes(text));
        }),
      ),
    )
    .map(s => s.segment);
}

interface Refused {
  readonly segment: number;
  readonly refusal: Refusal;
  /** When nothing that is in the log refuses any more; undefined: never. */
  readonly free: string | undefined;
}

function refusals({ inventory, retention }: History, segments: readonly number[], now: string): Refused[] {
  return segments.flatMap(segment => {
    const kept = inventory.get(segment)!;
    const refusal = retention.refusal(kept, now, true);
    if (!refusal) return [];
    // Beside a policy, whose periods end by themselves, a hold is what somebody can do something about.
    const hold = retention.holdOn(kept, now);
    const first: Refusal = hold ? { why: 'hold', hold: hold.id } : refusal;
    return [{ segment, refusal: first, free: retention.freeFrom(kept, now, true) }];
  });
}

function keptBack(refused: readonly Refused[]): AuditError {
  const { segment, refusal, free } = refused.find(r => r.refusal.why === 'hold') ?? refused[0]!;
  const more = refused.length > 1 ? `, and ${refused.length - 1} more segments are kept too` : '';
  const until = refusal.why === 'policy' ? (refusal.until ?? free) : undefined;
  const last = refused
    .map(r => r.free)
    .reduce((a, b) => (a === undefined || b === undefined ? undefined : a > b ? a : b));
  const [what, hint] =
    refusal.why === 'hold'
      ? [
          `hold ${refusal.hold} covers segment ${segment}`,
          '`slmaudit hold release` ends a hold, once the grace of the policy is over; `slmaudit policy explain` says what else keeps it',
        ]
      : [
          `policy ${refusal.policy} keeps segment ${segment} ${until === undefined ? 'for ever' : `until ${until.slice(0, 10)}`}`,
          'a policy with `redact: any` lets rows be redacted before their minimum',
        ];
  return new AuditError('REDACT_REFUSED', `${what}${more}`, {
    hint: `nothing was redacted; ${last === undefined ? hint : `the log as it is lets the same command do it from ${last} on`}`,
  });
}
