import { quote } from './engine.ts';
import type { Cell } from './job.ts';

/**
 * Rows as JSON that the engine itself spells, on all its threads: through the binding a row of 52 columns takes 20 µs, so 4. What
 * cellOf() says of a value is said here in SQL, for the types that exports are made of; the test holds them together.
 */
const DIGITS = Number.MAX_SAFE_INTEGER;

const SPELLED: readonly (readonly [type: RegExp, sql: (column: string) => string])[] = [
  [/^VARCHAR$/, c => `to_json(${c})::VARCHAR`],
  [/^(?:U?TINYINT|U?SMALLINT|U?INTEGER|BOOLEAN)$/, c => `${c}::VARCHAR`],
  [
    /^(?:U?BIGINT|HUGEINT)$/,
    c =>
      `CASE WHEN ${c} BETWEEN -${DIGITS} AND ${DIGITS} THEN ${c}::VARCHAR ELSE '"' || ${c}::VARCHAR || '"' END`,
  ],
  [
    /^DOUBLE$/,
    c => `CASE WHEN isfinite(${c}) THEN ${c}::VARCHAR WHEN isnan(${c}) THEN '"NaN"'
      WHEN ${c} > 0 THEN '"Infinity"' WHEN ${c} < 0 THEN '"-Infinity"' END`,
  ],
  [
    /^TIMESTAMP(?: WITH TIME ZONE)?$/,
    c => `CASE WHEN ${c} > '9999-12-31 23:59:59.999999' THEN '"infinity"' WHEN ${c} < '0001-01-01' THEN '"-infinity"'
      ELSE strftime(${c}, '"%Y-%m-%dT%H:%M:%S.%fZ"') END`,
  ],
];

/**
 * A query for the rows of `sql`, each as the text of a JSON array with `mark` behind it; undefined where a column has a type that is
 * not spelled here. `types` are as the engine names them.
 */
export function spelledRows(
  sql: string,
  types: readonly string[],
  mark: readonly Cell[],
): string | undefined {
  const columns = types.map((_, i) => `c${i}`);
  const texts = types.map((type, i) => SPELLED.find(([t]) => t.test(type))?.[1](columns[i]!));
  if (texts.includes(undefined)) return undefined;
  const cells = [...texts.map(t => `coalesce(${t}, 'null')`), ...mark.map(m => quote(JSON.stringify(m)))];
  return `SELECT '[' || concat_ws(',', ${cells.join(', ')}) || ']' FROM (${sql}\n) AS answer(${columns.join(', ')})`;
}
