import type { Writable } from 'node:stream';
import { AuditError, systemText } from '../errors.ts';
import { UNSEEN } from '../record/unseen.ts';

/** How the program speaks to people: on standard error, calmly, never with what a log put there to be obeyed. */
export interface Voice {
  /** What happened; silent under --quiet. */
  say(line: string): void;
  /** What should be known though nothing failed; silent under --quiet. */
  warn(line: string): void;
  hint(line: string): void;
  /** A line that is drawn over again; only on a terminal. */
  progress(line: string): void;
  /** Takes that line away, before something else is printed on the same terminal. */
  clear(): void;
  error(error: unknown): number;
}

export interface VoiceOptions {
  readonly quiet: boolean;
  /** Errors as one JSON object. */
  readonly json: boolean;
  readonly terminal: boolean;
  readonly debug: boolean;
  /** Colors, once they are loaded. */
  readonly paint?: Paint | undefined;
}

/** chalk's, of standard error. */
export type Paint = Record<'yellow' | 'dim' | 'red', (text: string) => string>;

const plain = (text: string): string => text;
const PLAIN: Paint = { yellow: plain, dim: plain, red: plain };

export function createVoice(err: Writable, options: () => VoiceOptions): Voice {
  let drawn = false;
  const paint = (): Paint => options().paint ?? PLAIN;
  const clear = (): void => {
    if (drawn) err.write('\r\u001b[K');
    drawn = false;
  };
  const write = (line: string): void => {
    clear();
    err.write(`${line}\n`);
  };
  return {
    say: line => void (options().quiet || write(printable(line))),
    warn: line => void (options().quiet || write(`${paint().yellow('warning:')} ${printable(line)}`)),
    hint: line => void (options().quiet || write(`${paint().dim('hint:')} ${printable(line)}`)),
    progress(line) {
      if (options().quiet || !options().terminal) return;
      err.write(`\r\u001b[K${printable(line)}`);
      drawn = true;
    },
    clear,
    error(error) {
      const { json, debug } = options();
      const known = error instanceof AuditError ? error : unexpected(error);
      if (json) {
        const { code, message, hint } = known;
        write(unobeyed(JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } })));
      } else {
        const lines = known.message.trimEnd().split('\n').map(printable);
        write(`slmaudit: ${paint().red('error:')} ${lines.join('\n  ')}`);
        if (known.hint !== undefined) write(`${paint().dim('hint:')} ${printable(known.hint)}`);
      }
      if (debug && error instanceof Error) write(error.stack ?? '');
      return known.exit;
    },
  };
}

/** The system's words for what nobody foresaw, with the path it names. */
function unexpected(error: unknown): AuditError {
  const path = error instanceof Error && 'path' in error ? String(error.path) : undefined;
  const said = error instanceof Error ? error.message : String(error);
  const message = path === undefined ? said : `${path}: ${systemText(error as Error)}`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL';
  const known: Readonly<Record<string, string>> = {
    EACCES: 'run as the user that owns the store and its keys, or name another place',
    EPERM: 'run as the user that owns the store and its keys, or name another place',
    EROFS: 'the file system is read-only; writing needs another one',
    ENOSPC: 'make room on that disk, then run the same command again',
    EDQUOT: 'make room on that disk, then run the same command again',
    EFBIG: 'raise the limit of the size of files (ulimit -f), then run the same command again',
    EMFILE: 'raise the limit of open files (ulimit -n)',
  };
  const hint = known[code] ?? 'set SLMAUDIT_DEBUG=1 to see where it happened';
  return new AuditError(code, message, {
    hint,
    cause: error,
  });
}

/**
 * What goes to a terminal, as JSON or from a renderer of ours: the first leaves as they are the signs that only some terminals obey and
 * those that aren't seen, the second never writes any. Escaped as JSON has it, they are the same values.
 */
export const unobeyed = (text: string): string =>
  text.replaceAll(UNSEEN, sign => (/[\t\n\r\u001b]/.test(sign) ? sign : escaped(sign)));

const escaped = (sign: string): string =>
  sign
    .split('')
    .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** What commands a terminal or isn't seen as `\u{..}`. */
export const printable = (text: string): string =>
  text.replaceAll(UNSEEN, c => `\\u{${c.codePointAt(0)!.toString(16)}}`);
