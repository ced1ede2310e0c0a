import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import type { PayloadFile } from '../log/inventory.ts';
import { tilePath } from '../merkle/tile.ts';
import { shellWord } from '../record/shell.ts';
import { isCode, makeFolder, readWhole } from './durable.ts';

/**
 * Where things are in a store. Every name is derived from a number, a date or a random id, never from input:
 *
 *     STORE/FORMAT                                        "slmaudit-store/1\n"
 *     STORE/log/checkpoint
 *     STORE/log/tile/<L>/<N>[.p/<W>]                      C2SP tlog-tiles
 *     STORE/log/tile/entries/<N>[.p/<W>]                  the entries themselves
 *     STORE/records/sealed_on=YYYY-MM-DD/<segment>[.<entry>].parquet    entry: that restated it
 *     STORE/quarantine/<segment>.ndjson
 *     STORE/open/<batch>.open                             what running ingests have not sealed yet
 *     STORE/settings                                      only if something was set
 *     STORE/lock
 */
export interface Layout {
  readonly store: string;
}

export const FORMAT = 'slmaudit-store/1\n';

export const formatPath = (at: Layout): string => join(at.store, 'FORMAT');
export const checkpointPath = (at: Layout): string => join(at.store, 'log', 'checkpoint');
export const settingsPath = (at: Layout): string => join(at.store, 'settings');
export const lockPath = (at: Layout): string => join(at.store, 'lock');
export const openFolder = (at: Layout): string => join(at.store, 'open');

/** Where it is not there: it is empty most of the time, and copies of files alone leave it out. */
export const makeOpenFolder = (at: Layout): void => makeFolder(openFolder(at), 0o700);

/**
 * What belongs to one batch while it is open: `open` its frames; `taken` the same, renamed by whoever took it over
 * from a dead writer; `clean`, `parquet` and `quarantine` what is being made of it. Of the segments that one batch is sealed as
 * (its parts), each but the first has a `parquet` with its number: `<batch>.1.parquet`. `aside`: what can't be sealed, ever; nobody but a
 * person removes it.
 */
const OPEN_FORMS = ['open', 'taken', 'clean', 'parquet', 'quarantine', 'aside'] as const;
export type OpenForm = (typeof OPEN_FORMS)[number];

export const openFile = (at: Layout, batch: string, form: OpenForm): string =>
  join(openFolder(at), `${batch}.${form}`);

export const partFile = (at: Layout, batch: string, part: number): string =>
  join(openFolder(at), part === 0 ? `${batch}.parquet` : `${batch}.${part}.parquet`);

export const asideFile = (at: Layout, batch: string, n: number): string =>
  join(openFolder(at), n === 0 ? `${batch}.aside` : `${batch}.${n}.aside`);

export function parseOpenName(name: string): { batch: string; form: OpenForm } | undefined {
  const [, batch, part, stated] = /^([0-9a-f]{32})(\.[1-9]\d{0,3})?\.([a-z]+)$/.exec(name) ?? [];
  const form = OPEN_FORMS.find(f => f === stated);
  const isNumbered = form === 'parquet' || form === 'aside';
  if (batch === undefined || !form || (part !== undefined && !isNumbered)) return undefined;
  return { batch, form };
}

/** What of a batch holds its frames; all else is made of that. */
export const isFrames = (form: OpenForm): boolean => form === 'open' || form === 'taken';
export const isMadeOfFrames = (form: OpenForm): boolean => !isFrames(form) && form !== 'aside';

export function tileFile(at: Layout, level: number | 'entries', index: number, width?: number): string {
  return join(at.store, 'log', tilePath(level, index, width));
}

/** Padded, so that a listing is in order of sealing. */
const segmentName = (segment: number): string => String(segment).padStart(8, '0');

export function payloadPath(at: Layout, segment: number, sealedAt: string): string {
  return join(at.store, 'records', `sealed_on=${sealedAt.slice(0, 10)}`, `${segmentName(segment)}.parquet`);
}

/** Where a file of records lies: under its first segment's day, and the entry that restated it if one has. */
export function recordsPath(
  at: Layout,
  { segments, entry, isRestated }: Pick<PayloadFile, 'segments' | 'entry' | 'isRestated'>,
  sealedAt: string,
): string {
  const own = payloadPath(at, segments[0]!, sealedAt);
  return isRestated ? own.replace(/parquet$/, `${entry}.parquet`) : own;
}

/** The segment, and the entry that restated it, of a file's name under `records/`; undefined for another one. */
export function parseRecordsName(name: string): { segment: number; entry?: number } | undefined {
  const parts = /^(\d{8,})(?:\.(0|[1-9]\d{0,14}))?\.parquet$/.exec(name);
  if (!parts || segmentName(Number(parts[1])) !== parts[1]) return undefined;
  return { segment: Number(parts[1]), ...(parts[2] !== undefined && { entry: Number(parts[2]) }) };
}

/** There while files that the log no longer states may lie about: what was stopped between saying so and doing it. */
export const untidyPath = (at: Layout): string => join(openFolder(at), 'untidy');

export function quarantinePath(at: Layout, segment: number): string {
  return join(at.store, 'quarantine', `${segmentName(segment)}.ndjson`);
}

/** The segment of a file's name under `quarantine/`; undefined for another one. */
export function parseQuarantineName(name: string): number | undefined {
  const [, digits = ''] = /^(\d{8,})\.ndjson$/.exec(name) ?? [];
  return segmentName(Number(digits)) === digits ? Number(digits) : undefined;
}

/** Checks that a store of this format stands there. Throws NO_STORE or WRITTEN_BY_NEWER (exit 2). */
export function checkFormat(at: Layout): void {
  const format = readWhole(formatPath(at), 4096)?.toString('utf8');
  if (format === FORMAT) return;
  if (format === undefined) {
    throw new AuditError('NO_STORE', `no store at ${at.store}`, {
      hint: `make one with \`slmaudit init --store ${shellWord(at.store)}\`, or name another with --store or SLMAUDIT_STORE`,
    });
  }
  if (/^slmaudit-store\/\d+\n$/.test(format)) {
    throw new AuditError(
      'WRITTEN_BY_NEWER',
      `${at.store} is of format ${format.trim()}: written by a newer slmaudit`,
      {
        hint: 'update slmaudit, then try again',
      },
    );
  }
  throw new AuditError('FORMAT_MALFORMED', `${formatPath(at)} does not hold the line slmaudit-store/1`, {
    hint: 'restore that file: it holds one line, slmaudit-store/1',
  });
}

/** Names in a folder, sorted; none if there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Open segments that were set aside, by the names of their files. */
export const asideNames = (at: Layout): string[] =>
  namesIn(openFolder(at)).filter(name => parseOpenName(name)?.form === 'aside');
