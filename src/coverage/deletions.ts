import type { SealedSegment } from '../log/inventory.ts';
import { countOf, type Range } from '../log/ranges.ts';
import { parsePrune, parseRedact } from '../log/restate.ts';
import { spanOver } from '../log/span.ts';
import type { Deletion } from './report.ts';
import type { Told } from './told.ts';

/** Every deletion of the log, in its order. */
export function deletionsOf({ events, inventory, retention }: Told): Deletion[] {
  const within = (ranges: readonly Range[]): SealedSegment[] =>
    inventory.segments.filter(({ segment }) => ranges.some(([from, to]) => segment >= from && segment <= to));
  const told = (
    entry: Told['events'][number]['entry'],
    about: Pick<Deletion, 'kind' | 'policy' | 'reason' | 'records'>,
    segments: readonly SealedSegment[],
  ): Deletion => {
    const policy = retention.policies.find(p => p.entry === about.policy)?.policy;
    return {
      entry: entry.index,
      at: entry.at,
      ...about,
      presets: (policy?.presets ?? []).map(p => `${p.name} ${p.date}`),
      segments: segments.length,
      ...spanOver(segments.map(s => s.span)),
    };
  };
  return events.flatMap(({ entry }) => {
    if (entry.kind === 'prune') {
      const { policy, reason, pruned } = parsePrune(entry);
      const segments = within(pruned.flatMap(p => p.segments));
      const records = segments.reduce((sum, s) => sum + s.records, 0);
      return [told(entry, { kind: 'prune', policy, reason, records }, segments)];
    }
    if (entry.kind === 'redact') {
      const { policy, reason, rows, quarantine } = parseRedact(entry);
      const segments = within([...rows.map(({ segment }): Range => [segment, segment]), ...quarantine]);
      const records = rows.reduce((sum, r) => sum + countOf(r.rows), 0);
      return [told(entry, { kind: 'redact', policy, reason, records }, segments)];
    }
    return [];
  });
}
