import { AuditError } from '../errors.ts';
import { readWhole, replaceFile } from './durable.ts';
import { type Layout, settingsPath } from './layout.ts';

/** Settings of a store: a file of lines `<name> <value>`, absent while all are as they were made. */
export const SETTINGS = {
  'log-queries': { about: 'each query becomes a record (event_type admin)', values: ['off', 'on'] },
} as const;

export type Setting = keyof typeof SETTINGS;

/** Throws SETTINGS_MALFORMED. */
export function readSettings(at: Layout): Record<Setting, string> {
  const settings: Record<Setting, string> = { 'log-queries': 'off' };
  const text = readWhole(settingsPath(at), 4096)?.toString('utf8') ?? '';
  for (const line of text.split('\n').filter(l => l !== '')) {
    const [name = '', value = ''] = line.split(' ');
    const values: readonly string[] = Object.hasOwn(SETTINGS, name) ? SETTINGS[name as Setting].values : [];
    if (!values.includes(value))
      throw new AuditError(
        'SETTINGS_MALFORMED',
        `${settingsPath(at)} holds a line that is no setting: ${line.slice(0, 80)}`,
        {
          hint: 'correct or remove that file',
        },
      );
    settings[name as Setting] = value;
  }
  return settings;
}

export function writeSettings(at: Layout, settings: Record<Setting, string>): void {
  replaceFile(
    settingsPath(at),
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  );
}
