import { UNSEEN } from './unseen.ts';

/** Commands that are printed for people to run: whatever an id of a log holds, what they copy finds the same records. */

/** A word that a shell takes as it is. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : shellText(text));

export const shellText = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const isUnseen = (text: string): boolean => text.search(UNSEEN) >= 0;

/** A text in SQL. What nobody sees, a terminal obeys or no argument can hold (NUL) is spelled: `('a' || chr(10) || 'b')`. */
export function sqlText(text: string): string {
  const quoted = (part: string): string => `'${part.replaceAll("'", "''")}'`;
  if (!isUnseen(text)) return quoted(text);
  const parts: string[] = [];
  let from = 0;
  for (const { 0: sign, index } of text.matchAll(UNSEEN)) {
    if (index > from) parts.push(quoted(text.slice(from, index)));
    parts.push(`chr(${sign.codePointAt(0)})`);
    from = index + sign.length;
  }
  if (from < text.length) parts.push(quoted(text.slice(from)));
  // A call of chr() alone is a text already.
  return parts.length === 1 ? parts[0]! : `(${parts.join(' || ')})`;
}

/** SQL in one line, its texts as sqlText() has them. */
export const sqlLine = (sql: string): string =>
  sql.replaceAll(/'((?:[^']|'')*)'|"(?:[^"]|"")*"|\s*\n\s*/g, (found, text: string | undefined) => {
    if (text !== undefined) return sqlText(text.replaceAll("''", "'"));
    return found.startsWith('"') ? found : ' ';
  });

const OPTIONS = {
  user_id: '--user',
  client_ip: '--ip',
  model: '--model',
  model_version: '--model-version',
} as const;

/** Options of `slmaudit search` for records of which these are so; in SQL where an option would mean something else, or can't say it. `more`: another condition. */
export function searchOptions(
  wanted: Readonly<Partial<Record<keyof typeof OPTIONS, string | null | undefined>>>,
  more?: string,
): string[] {
  const options: string[] = [];
  const where: string[] = more === undefined ? [] : [more];
  for (const [column, option] of Object.entries(OPTIONS)) {
    const value = wanted[column as keyof typeof OPTIONS];
    if (value === undefined || value === null) continue;
    if (value === '' || /^-|[*]/.test(value) || isUnseen(value)) where.push(`${column} = ${sqlText(value)}`);
    else options.push(`${option} ${shellWord(value)}`);
  }
  return where.length === 0 ? options : [...options, `--where ${shellText(where.join(' AND '))}`];
}
