import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AuditError } from '../errors.ts';
import { nearest } from '../record/nearest.ts';
import { namesIn } from '../store/layout.ts';

/**
 * A query in a file NAME.sql. Its first lines are comments:
 *
 *     -- what it answers, in a line
 *     -- param top = 20: how many
 *     -- param user: whose            (without `=` it must be given)
 */
export interface SavedQuery {
  readonly name: string;
  readonly about: string;
  readonly parameters: readonly Parameter[];
  readonly sql: string;
  /** The user's own; one of the same name stands before a shipped one. */
  readonly own: boolean;
}

export interface Parameter {
  readonly name: string;
  readonly about: string;
  readonly default?: string;
}

const SHIPPED = fileURLToPath(new URL('../../queries', import.meta.url));
const FILE = /^([a-z0-9][a-z0-9_-]*)\.sql$/;

/** All, by name. */
export function savedQueries(folder: string): SavedQuery[] {
  const found = new Map<string, SavedQuery>();
  for (const [from, own] of [
    [SHIPPED, false],
    [folder, true],
  ] as const)
    for (const file of namesIn(from)) {
      const name = FILE.exec(file)?.[1];
      if (name !== undefined) found.set(name, parseSaved(name, readFileSync(join(from, file), 'utf8'), own));
    }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Throws NO_SUCH_QUERY. */
export function savedQuery(folder: string, name: string): SavedQuery {
  const all = savedQueries(folder);
  const found = all.find(q => q.name === name);
  if (found) return found;
  const near = nearest(
    name,
    all.map(q => q.name),
  ).map(n => `@${n}`);
  throw new AuditError('NO_SUCH_QUERY', `no saved query is called @${name}`, {
    hint: `${near.length > 0 ? `did you mean ${near.join(' or ')}? ` : ''}\`slmaudit query --list\` lists them; your own belong in ${folder}`,
  });
}

/** Its comments are read up to the first line that is none. `own`: it is the user's. */
export function parseSaved(name: string, text: string, own: boolean): SavedQuery {
  const about: string[] = [];
  const parameters: Parameter[] = [];
  for (const line of text.split('\n')) {
    const comment = /^--\s?(.*)$/.exec(line)?.[1];
    if (comment === undefined) break;
    const declared = /^param ([a-z_][a-z0-9_]*)(?:\s*=\s*([^:]*?))?\s*:\s*(.*)$/.exec(comment);
    if (!declared) about.push(comment);
    else
      parameters.push({
        name: declared[1]!,
        about: declared[3]!,
        ...(declared[2] !== undefined && { default: declared[2] }),
      });
  }
  return { name, about: about.join(' ').trim(), parameters, sql: text, own };
}
