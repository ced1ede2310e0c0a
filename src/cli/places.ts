import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things are if nothing says otherwise: the XDG base directories. */
export function storeFolder(given: string | undefined, env: NodeJS.ProcessEnv): string {
  return (
    given || env['SLMAUDIT_STORE'] || join(xdg(env, 'XDG_DATA_HOME', '.local', 'share'), 'slmaudit', 'store')
  );
}

export function keysFolder(given: string | undefined, env: NodeJS.ProcessEnv): string {
  return given || env['SLMAUDIT_KEYS'] || join(xdg(env, 'XDG_CONFIG_HOME', '.config'), 'slmaudit', 'keys');
}

/** Checkpoints that were found good, one a log. */
export function headsFolder(env: NodeJS.ProcessEnv): string {
  return join(xdg(env, 'XDG_STATE_HOME', '.local', 'state'), 'slmaudit', 'heads');
}

/** What queries have verified and need not verify again. */
export function knownFolder(env: NodeJS.ProcessEnv): string {
  return join(xdg(env, 'XDG_STATE_HOME', '.local', 'state'), 'slmaudit', 'known');
}

/** What `detect` has shown and sent. */
export function detectFolder(env: NodeJS.ProcessEnv): string {
  return join(xdg(env, 'XDG_STATE_HOME', '.local', 'state'), 'slmaudit', 'detect');
}

export function queriesFolder(env: NodeJS.ProcessEnv): string {
  return join(xdg(env, 'XDG_CONFIG_HOME', '.config'), 'slmaudit', 'queries');
}

export function rulesFolder(env: NodeJS.ProcessEnv): string {
  return join(xdg(env, 'XDG_CONFIG_HOME', '.config'), 'slmaudit', 'rules');
}

function xdg(env: NodeJS.ProcessEnv, name: string, ...fallback: string[]): string {
  const set = env[name];
  return set !== undefined && set.startsWith('/') ? set : join(homedir(), ...fallback);
}
