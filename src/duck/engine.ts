import { closeSync, symlinkSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { makeFolder, openToRead } from '../store/durable.ts';
import { duckdb } from './binding.ts';

/** Settings of every engine: nothing is fetched, nothing is loaded, times are UTC. */
const SETTINGS = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  TimeZone: 'UTC',
} as const;

export interface EngineOptions {
  readonly threads?: number;
  /** In DuckDB's words, such as `512MB`; it bounds buffers, not the process. */
  readonly memory?: string;
  /** Where it may spill; nowhere if not given. */
  readonly temporary?: string;
}

/** Runs `work` with a connection to an empty database in memory, which is gone afterwards. */
export async function withEngine<T>(
  options: EngineOptions,
  work: (db: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const { TimeZone, ...settings } = SETTINGS;
  const instance = await duckdb.DuckDBInstance.create(':memory:', {
    ...settings,
    temp_directory: options.temporary ?? '',
    ...(options.threads !== undefined && { threads: String(options.threads) }),
    ...(options.memory !== undefined && { memory_limit: options.memory }),
  });
  try {
    const db = await instance.connect();
    try {
      await db.run(`SET TimeZone = '${TimeZone}'`);
      return await work(db);
    } finally {
      db.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/**
 * What may be opened behind lockEngine(): `paths`, and `targets` (see fdName()) by names that are links, made here in `folder`; returns
 * these. The engine resolves a path when it is allowed and at each opening, and takes one that leads nowhere by its text. The name of a
 * descriptor leads nowhere once a writer has unlinked the file: it was allowed as one thing and would be opened as another. So
 * these names are allowed before they lead anywhere.
 */
export async function allowFiles(
  db: DuckDBConnection,
  folder: string,
  targets: readonly string[],
  paths: readonly string[],
): Promise<string[]> {
  // To the engine such a folder would be a pattern.
  const names = /[*?[\]{}]/.test(folder) ? [...targets] : targets.map((_, i) => `${folder}/${i}`);
  await db.run(`SET allowed_paths = [${[...names, ...targets, ...paths].map(quote).join(', ')}]`);
  makeFolder(folder, 0o700);
  for (const [i, name] of names.entries()) if (name !== targets[i]) symlinkSync(targets[i]!, name);
  return names;
}

/**
 * From now on nothing but what is allowed can be opened, and no setting changed. The engine grants writing with reading: what would get
 * past guard() could write into them.
 */
export async function lockEngine(db: DuckDBConnection): Promise<void> {
  await db.run('SET enable_progress_bar = true');
  await db.run('SET enable_progress_bar_print = false');
  await db.run('SET progress_bar_time = 0');
  await db.run('SET enable_external_access = false');
  await db.run('SET lock_configuration = true');
}

/** As in `v1.5.5`. */
export const engineVersion = (): string => duckdb.version();

/** A string literal. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Runs `work` with a name under which DuckDB reads exactly this file: by descriptor where the system has such
 * names, so that nobody can swap it meanwhile and a `*` in a folder's name is no glob.
 */
export async function withFile<T>(path: string, work: (name: string) => Promise<T>): Promise<T> {
  const fd = openToRead(path);
  try {
    return await work(fdName(fd, path));
  } finally {
    closeSync(fd);
  }
}

export function fdName(fd: number, path: string): string {
  return process.platform === 'linux' ? `/proc/self/fd/${fd}` : path;
}
