import { spanOver } from '../log/span.ts';
import { inquire, type InquiryOptions } from '../query/inquiry.ts';
import type { Answered } from '../query/query.ts';
import type { CompiledRule } from '../rules/rule.ts';
import { instantOf } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import { deliver, type Delivery, type Target } from './deliver.ts';
import { detect, type Detected, type Found, readFrom } from './detect.ts';
import type { Episode } from './episode.ts';
import { cloudEvent } from './event.ts';
import { State } from './state.ts';

export interface RunOptions {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly query: InquiryOptions;
  /** Only episodes that were not shown before, or have grown tenfold since. */
  readonly newOnly: boolean;
  readonly targets: readonly Target[];
  /** For each target. */
  readonly withinMs: number;
  /** Where it is remembered what was shown and sent; not touched where neither matters. */
  readonly folder: string;
  readonly onRule: (done: number) => void;
  readonly onDamage: (damage: string) => void;
  /** False where nobody has seen it. */
  readonly show: (detected: Detected) => Promise<boolean>;
}

export interface Ran extends Detected {
  readonly deliveries: readonly Delivery[];
  /** Alerts that wait for targets that were not named now. */
  readonly elsewhere: number;
  /** Alerts that were given up because too many wait. */
  readonly dropped: number;
}

/**
 * Finds episodes, shows them, and sends them to every target that hasn't accepted them yet. They are promised to the targets before
 * they are shown, and count as shown when they were: a kill at any point makes them come again. Throws what inquire() and State.open()
 * throw.
 */
export async function runDetect(
  store: Store,
  rules: readonly CompiledRule[],
  options: RunOptions,
): Promise<Ran> {
  const { newOnly, targets, folder } = options;
  const state = newOnly || targets.length > 0 ? await State.open(folder, store.origin) : undefined;
  try {
    if (state?.damage !== undefined) options.onDamage(state.damage);
    const { detected, oldest } = await found(store, rules, options, state);
    for (const { key } of targets)
      state!.promise(key, detected.episodes, episode => cloudEvent(store.origin, episode));
    if (await options.show(detected)) state?.shown(detected.episodes);
    const { signal } = options.query;
    const sent = await Promise.allSettled(
      targets.map(target => deliver(state!, target, { withinMs: options.withinMs, signal })),
    );
    const deliveries = sent.map(one => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    state?.tidy(oldest);
    const elsewhere = state?.waitingElsewhere(targets.map(t => t.key)) ?? 0;
    return { ...detected, deliveries, elsewhere, dropped: state?.dropped ?? 0 };
  } finally {
    state?.close();
  }
}

async function found(
  store: Store,
  rules: readonly CompiledRule[],
  { since, until, query, newOnly, onRule }: RunOptions,
  state: State | undefined,
): Promise<{ readonly detected: Detected; readonly oldest: string | undefined }> {
  const from = readFrom(rules, since);
  const tables = [...new Set(rules.flatMap(r => r.tables))] as NonNullable<InquiryOptions['tables']>;
  const known = (one: Found): Pick<Episode, 'id' | 'again'> | undefined => {
    const before = state?.known(one) ?? { id: one.id, shown: false };
    if (newOnly && before.shown) return undefined;
    return { id: before.id, ...(before.again && { again: before.again }) };
  };
  const answered = await inquire(
    store,
    { ...query, tables, ...(from !== undefined && { since: from }), ...(until !== undefined && { until }) },
    asker =>
      detect(asker, rules, {
        origin: store.origin,
        since,
        from,
        until: until ?? instantOf(Date.now()),
        known,
        onRule,
        ...(query.signal && { signal: query.signal }),
      }),
  );
  const { value, findings } = answered;
  const unverified = findings.join('; ');
  const marked = (episode: Episode): Episode => (unverified === '' ? episode : { ...episode, unverified });
  return { detected: { ...value, episodes: value.episodes.map(marked) }, oldest: oldestOf(answered) };
}

/** Of the first record that the store still has; undefined where it says nothing of that. */
function oldestOf({ segments, plan }: Answered): string | undefined {
  const gone = new Set(plan.leftOut.filter(l => l.why === 'pruned').map(l => l.segment));
  return spanOver(segments.filter(s => !gone.has(s.segment)).map(s => s.span))?.from;
}
