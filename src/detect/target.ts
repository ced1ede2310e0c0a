import { hash } from 'node:crypto';
import { AuditError } from '../errors.ts';
import { appendLine } from './append.ts';
import type { Target } from './deliver.ts';
import { runCommand } from './command.ts';
import { postEvent } from './webhook.ts';

/**
 * `https://...`, `http://...`, `exec:COMMAND` or `file:PATH`. Throws NOTIFY_TARGET, without what was given: it may hold a secret.
 */
export function targetOf(text: string): Target {
  const key = hash('sha256', text).slice(0, 32);
  const [, kind = '', rest = ''] = /^(https?|exec|file):(.*)$/s.exec(text) ?? [];
  if (kind === 'exec' && rest.trim() !== '')
    return { key, label: `exec:${programOf(rest)}`, send: (...sent) => runCommand(rest, ...sent) };
  if (kind === 'file' && rest !== '')
    return { key, label: text, send: event => Promise.resolve(appendLine(rest, event)) };
  if (kind.startsWith('http') && URL.canParse(text)) {
    const url = new URL(text);
    return { key, label: url.origin, send: (...sent) => postEvent(url, ...sent) };
  }
  throw new AuditError(
    'NOTIFY_TARGET',
    '--notify takes https://..., http://..., exec:COMMAND or file:PATH, and was given something else',
    { hint: 'run `slmaudit detect --help`' },
  );
}

/** The first word, where it is no more than a program's name. */
const programOf = (command: string): string => /^\s*([\w./-]+)(?=\s|$)/.exec(command)?.[1] ?? '...';
