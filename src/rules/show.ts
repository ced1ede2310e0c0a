import { shellText as shell, sqlLine, sqlText } from '../record/shell.ts';
import type { Same } from './compile.ts';
import type { CompiledRule } from './rule.ts';

/** `slmaudit search` for the records of an episode, or for entries `slmaudit query`. */
export function showOf(
  entity: readonly string[],
  evidence: (same: Same) => string,
  entries: boolean,
): CompiledRule['show'] {
  return (from, to, values) => {
    if (entries)
      return `slmaudit query ${shell(`SELECT * FROM entries WHERE "at" BETWEEN ${sqlText(from)} AND ${sqlText(to)}`)}`;
    const same = entity.map((name, i) => {
      const value = values[i];
      const is = value === null || value === undefined ? 'IS NULL' : `= ${sqlText(value)}`;
      return [name, (sql: string) => `${sql} ${is}`] as const;
    });
    const where = sqlLine(evidence(new Map(same)).replace(/^\((.*)\)$/s, '$1'));
    return `slmaudit search --since ${from} --until ${after(to)} --where ${shell(where)}`;
  };
}

/** A microsecond later: what --until names is not in the span. */
function after(time: string): string {
  const [, second = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6)) + 1;
  const whole = new Date(Date.parse(`${second}Z`) + (micros === 1_000_000 ? 1000 : 0))
    .toISOString()
    .slice(0, 19);
  return `${whole}.${String(micros % 1_000_000).padStart(6, '0')}Z`;
}
