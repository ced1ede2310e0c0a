import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { AuditError } from '../errors.ts';
import type { Given } from './command.ts';

/** Options of any verb that name what is written. */
const OUTPUTS = ['output', 'receipt', 'report'] as const;

/** Nothing that people have written takes the place of a file of the store, or of a key. Throws OUTPUT_INSIDE. */
export function checkOutputs({ options }: Given, folders: readonly string[]): void {
  const named = OUTPUTS.map(name => [name, options[name]] as const);
  const notified = [options['notify'] ?? []].flat().map(target => ['notify', fileOf(target)] as const);
  for (const [name, path] of [...named, ...notified]) {
    if (typeof path !== 'string' || path === '-') continue;
    const place = realPath(path);
    const inside = folders.map(realPath).find(folder => place === folder || place.startsWith(folder + sep));
    if (inside !== undefined)
      throw new AuditError('OUTPUT_INSIDE', `${path} lies in ${inside}, which holds the store or its keys`, {
        hint: `name another place with --${name}`,
      });
  }
}

const fileOf = (target: string | boolean): string | undefined =>
  typeof target === 'string' && target.startsWith('file:') ? target.slice('file:'.length) : undefined;

/** Links resolved as far as there is something. */
function realPath(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch {
    const parent = dirname(full);
    return parent === full ? full : join(realPath(parent), basename(full));
  }
}
