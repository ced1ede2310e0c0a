import type { Deletion } from '../coverage/report.ts';
import type { Told } from '../coverage/told.ts';
import { PAYLOAD_COLUMNS } from '../duck/lines.ts';
import { AuditError } from '../errors.ts';
import type { SealedSegment } from '../log/inventory.ts';
import { formatRanges, rangesOf } from '../log/ranges.ts';
import { type Retried, retriedLines, sealedLines } from '../quarantine/quarantine.ts';
import { COLUMNS } from '../record/schema.ts';
import type { Store } from '../store/store.ts';
import type { Copied } from './copy.ts';
import { csvText } from './csv.ts';

/** Every policy of the log, a line for each class; the last one is in force, and each binds for its grace behind the next. */
export function policiesCsv({ retention }: Told, now: string): string {
  const binding = new Set(retention.binding(now));
  const rows = retention.policies.flatMap(stated => {
    const { entry, at, policy } = stated;
    return policy.classes.map(c => [
      entry,
      at,
      binding.has(stated),
      policy.presets.map(p => `${p.name} ${p.date}`).join('; '),
      c.name,
      c.min === Infinity ? 'for ever' : c.min,
      c.max ?? 'none',
      c.age,
      c.review,
      c.basis.join('; '),
      policy.rules
        .filter(r => r.class === c.name)
        .map(r => r.where.map(w => `${w.column} in ${w.values.join('|')}`).join(' and '))
        .join('; '),
      policy.grace,
      policy.redactAny,
      policy.retroactive,
    ]);
  });
  return csvText(
    [
      'entry',
      'at',
      'binds',
      'presets',
      'class',
      'min_days',
      'max_days',
      'age',
      'review',
      'basis',
      'rules',
      'grace_days',
      'redact_any',
      'retroactive',
    ],
    rows,
  );
}

export function holdsCsv({ retention }: Told, now: string): string {
  return csvText(
    [
      'entry',
      'at',
      'hold',
      'reason',
      'by',
      'segments',
      'since',
      'until',
      'active',
      'released_entry',
      'released_at',
      'release_reason',
      'released_by',
    ],
    retention.holds.map(h => [
      h.entry,
      h.at,
      h.id,
      h.reason,
      h.by,
      formatRanges(h.segments),
      h.span?.since,
      h.span?.until,
      retention.isActive(h, now),
      h.release?.entry,
      h.release?.at,
      h.release?.reason,
      h.release?.by,
    ]),
  );
}

export function deletionsCsv(deletions: readonly Deletion[]): string {
  return csvText(
    ['entry', 'at', 'kind', 'reason', 'policy', 'presets', 'segments', 'records', 'from', 'to'],
    deletions.map(d => [
      d.entry,
      d.at,
      d.kind,
      d.reason,
      d.policy,
      d.presets.join('; '),
      d.segments,
      d.records,
      d.from,
      d.to,
    ]),
  );
}

export function payloadsCsv({ files, told: { inventory } }: Copied): string {
  return csvText(
    ['file', 'sha256', 'bytes', 'stated_by_entry', 'class', 'segments', 'records'],
    files.map(({ file, path }) => {
      const held = file.segments.map(n => inventory.get(n)!);
      return [
        `store/${path}`,
        file.sha256,
        file.bytes,
        file.entry,
        held[0]!.class,
        formatRanges(rangesOf(file.segments)),
        held.reduce((sum, s) => sum + s.records, 0),
      ];
    }),
  );
}

/** How many lines were rejected, why, and what became of them; not what they held. Where a file can't be read, what its manifest says. */
export function quarantineCsv(store: Store, { meant, told: { inventory } }: Copied): string {
  const counts = new Map<string, { source: string; reason: string; lines: number; retried: number }>();
  const add = (source: string, reason: string, lines: number, retried: number): void => {
    const key = `${source}\n${reason}`;
    const known = counts.get(key) ?? { source, reason, lines: 0, retried: 0 };
    counts.set(key, { ...known, lines: known.lines + lines, retried: known.retried + retried });
  };
  const retried = retriedLines(inventory.segments);
  for (const segment of meant.filter(s => s.rejected)) {
    const isGone = inventory.pruned.has(segment.segment) || inventory.unquarantined.has(segment.segment);
    const lines = isGone ? undefined : readable(store, segment, retried);
    if (lines) for (const l of lines) add(l.source, l.reason, 1, l.retried === undefined ? 0 : 1);
    else
      for (const l of segment.lines)
        if (l.rejected > 0) add(l.source, isGone ? 'deleted' : 'unreadable', l.rejected, 0);
  }
  const rows = [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, c]) => c);
  return csvText(
    ['source', 'reason', 'lines', 'retried'],
    rows.map(c => [c.source, c.reason, c.lines, c.retried]),
  );
}

function readable(
  store: Store,
  segment: SealedSegment,
  retried: Retried,
): { source: string; reason: string; retried?: number }[] | undefined {
  try {
    return [...sealedLines(store, segment, retried)].map(l => l.about);
  } catch (error) {
    if (error instanceof AuditError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const clockCsv = ({ clocks }: Told): string =>
  csvText(
    ['entry', 'at', 'clock'],
    clocks.map(c => [c.entry, c.at, c.clock]),
  );

export function fieldsCsv(): string {
  const types = new Map(PAYLOAD_COLUMNS.map(c => [c.name, c.type]));
  return csvText(
    ['name', 'type', 'parquet', 'always', 'values', 'meaning'],
    COLUMNS.map(c => [c.name, c.type, types.get(c.name), c.always ?? false, c.oneOf?.join('; '), c.about]),
  );
}
