import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { AuditError, systemText } from '../errors.ts';
import { createMac } from '../keys/hash.ts';
import { Draft } from '../normalize/draft.ts';
import { adapterOfMap, type MapSpec } from '../normalize/map.ts';
import { type Cut, type Piece, piecesOf, withoutReturn } from '../normalize/piece.ts';
import { recognize } from '../normalize/recognize.ts';
import { JsonNumber, type JsonValue } from '../record/json.ts';
import type { AuditRecord } from '../record/schema.ts';
import type { TimeReading } from '../record/time.ts';

/** What a map makes of a sample. */
export interface Trial {
  readonly lines: number;
  readonly records: number;
  readonly skipped: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** The first records, without what is said of every one. */
  readonly first: readonly Readonly<Partial<AuditRecord>>[];
  /** Fields that no column took, by their path: in how many lines, of which types, and what becomes of them. */
  readonly unmapped: readonly Unmapped[];
}

export interface Unmapped {
  readonly path: string;
  readonly lines: number;
  readonly types: string;
  /** dropped: its name or value is like content's or a secret's. */
  readonly fate: 'extra' | 'dropped';
}

export interface TryOptions {
  readonly map: MapSpec;
  readonly times: TimeReading;
  /** How many records to show. */
  readonly first: number;
}

/** Lines of a sample that are looked at. */
const MOST_LINES = 100_000;

/** Hashes are made under a key of this run: they show that there is one, and match nothing. */
export async function tryMap(path: string, stdin: Readable, options: TryOptions): Promise<Trial> {
  const adapter = adapterOfMap(options.map);
  const choice = { adapter, forced: true };
  const keyed = {
    mac: createMac(crypto.getRandomValues(Buffer.alloc(32))),
    hashAlg: 'hmac-sha256:trial:c1',
    times: options.times,
  };
  const rejected: Record<string, number> = {};
  const unmapped = new Map<string, { lines: number; types: Set<string>; fate: Unmapped['fate'] }>();
  const first: Partial<AuditRecord>[] = [];
  let [lines, records, skipped] = [0, 0, 0];
  const reject = (reason: string): void => void (rejected[reason] = (rejected[reason] ?? 0) + 1);

  const one = (piece: Piece): void => {
    if (piece.kind === 'bad') return reject(piece.reason);
    const found = recognize(piece, choice);
    if (found === 'not_a_request') return void skipped++;
    if (typeof found === 'string') return reject(found);
    const draft = new Draft(found.source, keyed, piece.wrapping);
    if (adapter.read(draft) === 'not_a_request') return void skipped++;
    const left = leavesOf(draft.source);
    draft.fromCarrier();
    draft.finish();
    const { record } = draft;
    if (record.ts === undefined) return reject('no_time');
    records++;
    if (first.length < options.first) first.push(record);
    const kept = JSON.parse(record.extra ?? '{}') as object;
    for (const [at, type] of left) {
      const known = unmapped.get(at) ?? { lines: 0, types: new Set<string>(), fate: 'dropped' as const };
      const fate = isIn(kept, at) ? 'extra' : known.fate;
      unmapped.set(at, { lines: known.lines + 1, types: known.types.add(type), fate });
    }
    return undefined;
  };

  const cut: Cut = new Map();
  for await (const raw of linesOf(path, stdin)) {
    if (lines >= MOST_LINES) break;
    const pieces = piecesOf(withoutReturn(raw), lines++ === 0, cut);
    if (pieces.length === 0) skipped++;
    for (const piece of pieces) one(piece);
  }
  const shown = [...unmapped].map(([at, { lines: n, types, fate }]) => ({
    path: at,
    lines: n,
    types: [...types].join(', '),
    fate,
  }));
  return { lines, records, skipped, rejected, first, unmapped: shown.toSorted((a, b) => b.lines - a.lines) };
}

const LF = 10;

async function* linesOf(path: string, stdin: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  try {
    for await (const chunk of (path === '-' ? stdin : createReadStream(path)) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let lf = chunk.indexOf(LF); lf >= 0; lf = chunk.indexOf(LF, from)) {
        yield Buffer.concat([...parts, chunk.subarray(from, lf)]);
        parts = [];
        from = lf + 1;
      }
      parts.push(chunk.subarray(from));
    }
  } catch (cause) {
    throw new AuditError(
      'INPUT_UNREADABLE',
      `can't read ${path}: ${cause instanceof Error ? systemText(cause) : ''}`,
      {
        hint: 'name a file of lines in the format that the map describes, or - for standard input',
        cause,
      },
    );
  }
  const rest = Buffer.concat(parts);
  if (rest.length > 0) yield rest;
}

/** Paths of what holds a value, and its type; lists count as one. */
function leavesOf(value: JsonValue, at = ''): (readonly [string, string])[] {
  if (value instanceof Map)
    return [...value].flatMap(([name, v]) => leavesOf(v, at === '' ? name : `${at}.${name}`));
  return value === null || value === '' ? [] : [[at, typeName(value)]];
}

function typeName(value: JsonValue): string {
  if (value instanceof JsonNumber || typeof value === 'number') return 'number';
  return Array.isArray(value) ? 'list' : typeof value;
}

function isIn(kept: object, path: string): boolean {
  let at: unknown = kept;
  for (const step of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false;
    at = (at as Record<string, unknown>)[step];
  }
  return true;
}
