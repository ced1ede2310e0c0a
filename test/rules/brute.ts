/** What correlations mean, event by event and window by window: slow, and with nothing of what makes the SQL fast. */
export interface Told {
  readonly seq: number;
  readonly us: number;
  readonly stream: string;
  readonly user: string | null;
  readonly ip: string | null;
  readonly kind: string;
  readonly tokens: number | null;
}

export interface Fired {
  readonly seq: number;
  readonly us: number;
  readonly from: number;
  readonly value: number | null;
  readonly usual: number | null;
}

const group = (e: Told): string => JSON.stringify([e.stream, e.user]);
const sameGroup = (e: Told, of: readonly Told[]): Told[] =>
  of.filter(o => o.user !== null && group(o) === group(e));
const within = (e: Told, of: readonly Told[], span: number): Told[] =>
  sameGroup(e, of).filter(o => o.us <= e.us && e.us - o.us <= span);

export type Number = 'event_count' | 'value_count' | 'value_sum' | 'value_avg';

export function valueIn(type: Number, events: readonly Told[]): number {
  const tokens = events.map(e => e.tokens ?? 0);
  const sum = tokens.reduce((a, b) => a + b, 0);
  if (type === 'event_count') return events.length;
  if (type === 'value_count') return new Set(events.map(e => e.ip)).size;
  return type === 'value_sum' ? sum : sum / events.length;
}

/** `events`: those that the rules match. */
export function counted(
  events: readonly Told[],
  {
    type,
    span,
    met,
    usual,
  }: {
    type: Number;
    span: number;
    met: (value: number) => boolean;
    usual?: { times: number; over: number; after: number };
  },
): Fired[] {
  const valued = events.filter(
    e =>
      e.user !== null &&
      (type === 'event_count' || (type === 'value_count' ? e.ip !== null : e.tokens !== null)),
  );
  const fired: Fired[] = [];
  for (const e of valued) {
    const window = within(e, valued, span);
    const value = valueIn(type, window);
    const from = Math.min(...window.map(o => o.us));
    if (!met(value)) continue;
    if (!usual) {
      fired.push({ seq: e.seq, us: e.us, from, value, usual: null });
      continue;
    }
    const own = sameGroup(e, valued);
    const before = own.filter(o => e.us - o.us <= usual.over && e.us - o.us > span);
    const largest = before.map(o => valueIn(type, within(o, valued, span)));
    const most = largest.length === 0 ? null : Math.max(...largest);
    const begun = Math.min(...own.map(o => o.us));
    if (e.us - begun >= usual.after && value >= usual.times * (most ?? 0))
      fired.push({ seq: e.seq, us: e.us, from, value, usual: most });
  }
  return fired;
}

/** `steps`: what each rule matches. */
export function temporal(
  events: readonly Told[],
  steps: readonly ((e: Told) => boolean)[],
  span: number,
): Fired[] {
  const known = events.filter(e => e.user !== null && steps.some(s => s(e)));
  return known.flatMap(e => {
    const window = within(e, known, span);
    if (!steps.every(step => window.some(step))) return [];
    const lasts = steps.map(step => Math.max(...window.filter(step).map(o => o.us)));
    return [{ seq: e.seq, us: e.us, from: Math.min(...lasts), value: null, usual: null }];
  });
}

export function ordered(
  events: readonly Told[],
  steps: readonly ((e: Told) => boolean)[],
  span: number,
): Fired[] {
  const known = events.filter(e => e.user !== null && steps.some(s => s(e)));
  return known.flatMap(e => {
    if (!steps.at(-1)!(e)) return [];
    let start = -Infinity;
    /** All chains that end in `last` as step k. */
    const back = (last: Told, k: number): void => {
      if (k === 0) {
        start = Math.max(start, last.us);
        return;
      }
      for (const before of sameGroup(last, known))
        if (before !== last && before.us <= last.us && steps[k - 1]!(before)) back(before, k - 1);
    };
    back(e, steps.length - 1);
    return e.us - start <= span ? [{ seq: e.seq, us: e.us, from: start, value: null, usual: null }] : [];
  });
}

/** Of `events` that are in `all`. `tuple`: the fields, with the last one new. */
export function firstSeen(
  all: readonly Told[],
  events: readonly Told[],
  tuple: (e: Told) => readonly (string | null)[],
  { over, after, lasting }: { over: number; after: number; lasting: number },
): Told[] {
  const told = events.filter(e => !tuple(e).includes(null));
  const key = (e: Told, cut: number): string => JSON.stringify(tuple(e).slice(0, tuple(e).length - cut));
  const isNew = (e: Told): boolean => {
    const same = told.filter(o => o !== e && key(o, 0) === key(e, 0));
    if (same.some(o => o.us < e.us && e.us - o.us <= over)) return false;
    if (same.some(o => o.us === e.us && o.seq < e.seq)) return false;
    const begun = Math.min(...all.filter(o => key(o, 1) === key(e, 1)).map(o => o.us));
    return e.us - begun >= after;
  };
  if (lasting === 0) return told.filter(isNew);
  const begins = told.filter(isNew);
  return told.filter(e =>
    begins.some(n => key(n, 0) === key(e, 0) && e.us >= n.us && e.us - n.us <= lasting),
  );
}
