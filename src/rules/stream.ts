import { allOf, anyOf } from './detection.ts';

const ALWAYS = 'ts, epoch_us(ts) AS us, seq, event_id, user_id, client_ip, api_key_id';

/** Part of a correlation's stream: events of rules that are looked at in one go. */
export interface Part {
  /** SQL of what stands behind FROM. */
  readonly from: string;
  readonly groups: readonly string[];
  readonly x: string;
  /** By the number of the rule. */
  readonly where: ReadonlyMap<number, string>;
  readonly records: boolean;
  readonly cheap: boolean;
  /** Numbers of the groups that have many values, as far as can be told. */
  readonly fine: readonly number[];
  /** Those of g and x that may be NULL yet. */
  readonly late: readonly string[];
  /** Is x never below 0? */
  readonly positive: boolean;
}

/** Rules that ask the same columns of the same events are asked in one go. */
export function together(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const i = joined.findIndex(p => isAlike(p, part));
    if (i < 0) joined.push(part);
    else joined[i] = { ...joined[i]!, where: new Map([...joined[i]!.where, ...part.where]) };
  }
  return joined;
}

const isAlike = (a: Part, b: Part): boolean =>
  a.cheap && b.cheap && a.from === b.from && sameTexts(a.groups, b.groups) && a.x === b.x;

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Is it said already that there is one? Asked twice of a hash, it is spelled twice for every record. */
export function isSaid(where: string, group: string): boolean {
  return !/ OR | IS NOT TRUE/.test(where) && where.includes(`${group.replace(/::VARCHAR$/, '')} IS NOT NULL`);
}

/** Without what is asked of these later. */
export function unsaid(where: string, columns: readonly string[]): string {
  return columns.reduce((w, c) => (isSaid(w, c) ? w.replaceAll(`${c} IS NOT NULL`, 'true') : w), where);
}

/** The events of all parts, each once; groups that are not known are none. `steps`: how many rules are told apart, `late`: as in windows. */
export function streamSql(parts: readonly Part[], steps: number, late: readonly string[]): string {
  const selects = parts.map(({ from, groups, x, where, records }) => {
    const columns = [
      ALWAYS,
      ...(groups.length === 0 ? [`'' AS g1`] : groups.map((g, i) => `${g} AS g${i + 1}`)),
      `${x} AS x`,
      ...Array.from({ length: steps }, (_, i) => {
        const condition = where.get(i + 1);
        const is =
          condition === undefined ? 'false' : where.size === 1 ? 'true' : `coalesce(${condition}, false)`;
        return `${is} AS m${i + 1}`;
      }),
    ];
    const said = anyOf([...where.values()]);
    const whole = allOf([
      said,
      ...groups.filter((g, i) => !late.includes(`g${i + 1}`) && !isSaid(said, g)).map(g => `${g} IS NOT NULL`),
    ]);
    return { records, sql: `SELECT ${columns.join(', ')} FROM ${from} WHERE ${whole}` };
  });
  const told = selects.filter(s => s.records).map(s => s.sql);
  const others = selects.filter(s => !s.records).map(s => s.sql);
  if (told.length < 2) return [...told, ...others].join(' UNION ALL ');
  const marks = Array.from({ length: steps }, (_, i) => `bool_or(m${i + 1}) AS m${i + 1}`);
  const kept =
    steps === 0
      ? '*'
      : `* EXCLUDE (${Array.from({ length: steps }, (_, i) => `m${i + 1}`).join(', ')}), ${marks.join(', ')}`;
  // An event that several rules match is one event.
  return [`SELECT ${kept} FROM (${told.join(' UNION ALL ')}) GROUP BY ALL`, ...others].join(' UNION ALL ');
}
