import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError, systemText } from '../errors.ts';

const MOST_FILES = 20_000;

/**
 * The file, or the files .yml and .yaml in a folder and in what is in it, in the order of their names; each once, whatever links lead
 * to it. Throws RULE_UNREADABLE, TOO_LARGE.
 */
export function ruleFilesIn(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files: string[] = [];
    const seen = new Set<string>();
    const isNew = (at: string): boolean => {
      const before = seen.size;
      return seen.add(realpathSync(at)).size > before;
    };
    const look = (folder: string): void => {
      if (!isNew(folder)) return;
      for (const name of readdirSync(folder).toSorted()) {
        const at = join(folder, name);
        const isRule = /\.ya?ml$/.test(name);
        const is = statSync(at, { throwIfNoEntry: false });
        if (is?.isDirectory()) look(at);
        // A link to nothing is said where it is read.
        else if (isRule && (!is || isNew(at))) files.push(at);
        if (files.length > MOST_FILES)
          throw new AuditError('TOO_LARGE', `${path} has over ${MOST_FILES} files`);
      }
    };
    look(path);
    return files;
  } catch (cause) {
    if (cause instanceof AuditError) throw cause;
    throw new AuditError(
      'RULE_UNREADABLE',
      `can't read ${path}: ${cause instanceof Error ? systemText(cause) : ''}`,
      { cause },
    );
  }
}
