import { AuditError } from '../errors.ts';
import { type Actor, createOwn } from '../query/own.ts';
import { nearest } from '../record/nearest.ts';
import { isUnwritable } from '../store/durable.ts';
import { readSettings, type Setting, SETTINGS, writeSettings } from '../store/settings.ts';
import type { Store } from '../store/store.ts';

export interface ShownSetting {
  readonly name: Setting;
  readonly value: string;
  readonly about: string;
}

/** All settings of a store, or the one of that name. Throws NO_SUCH_SETTING, SETTINGS_MALFORMED. */
export function settingsOf(store: Store, name?: string): ShownSetting[] {
  const values = readSettings(store.at);
  const names = name === undefined ? (Object.keys(SETTINGS) as Setting[]) : [named(name)];
  return names.map(n => ({ name: n, value: values[n], about: SETTINGS[n].about }));
}

/**
 * Sets one. A change leaves a record of who made it and when (event_type admin), written before it holds: turning `log-queries` off is the
 * first thing an insider would do. Returns the value before. Throws NO_SUCH_SETTING, SETTING_VALUE, STORE_UNWRITABLE.
 */
export function changeSetting(store: Store, name: string, value: string, actor: Actor): string {
  const setting = named(name);
  const values: readonly string[] = SETTINGS[setting].values;
  if (!values.includes(value))
    throw new AuditError(
      'SETTING_VALUE',
      `${setting} is ${values.join(' or ')}, not "${value.slice(0, 60)}"`,
      {
        hint: `slmaudit config ${setting} ${values.at(-1)}`,
      },
    );
  const settings = readSettings(store.at);
  const before = settings[setting];
  if (before === value) return before;
  try {
    createOwn(store, actor, {
      operation: 'config',
      status: 'ok',
      extra: { setting, from: before, to: value },
    });
    writeSettings(store.at, { ...settings, [setting]: value });
  } catch (cause) {
    if (!(cause instanceof AuditError) && !isUnwritable(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : '';
    throw new AuditError(
      'STORE_UNWRITABLE',
      `a change of settings is kept as a record, and that can't be written: ${why}`,
      {
        hint: 'run as the user that owns the store and its keys',
        cause,
      },
    );
  }
  return before;
}

function named(name: string): Setting {
  if (Object.hasOwn(SETTINGS, name)) return name as Setting;
  const names = Object.keys(SETTINGS);
  const near = nearest(name, names);
  throw new AuditError('NO_SUCH_SETTING', `there is no setting "${name.slice(0, 60)}"`, {
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${names.join(', ')}`,
  });
}
