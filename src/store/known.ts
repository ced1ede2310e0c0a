import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { hmacSha256 } from '../keys/hash.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import { type Entry, entryHash, parseEntry } from '../log/entry.ts';
import { parseGenesis } from '../log/genesis.ts';
import type { Pin } from '../log/pin.ts';
import type { Segment } from '../log/segment.ts';
import { CompactTree, leafHash } from '../merkle/tree.ts';
import { parseNote } from '../note/note.ts';
import { createFile, isCode, makeFolder, readWhole, replaceFile } from './durable.ts';
import { altered, sealed } from './history.ts';
import type { Layout } from './layout.ts';
import { type Head, readCheckpoint, readEntries } from './log.ts';

/**
 * What readers of this host have verified and need not verify again (SPEC 9): the table of segments under a root,
 * and which files had which digests. One file a log, outside the store, named by the hash of genesis. Its first line is an
 * HMAC of the rest under a key beside it; a file that doesn't fit is as if it weren't there.
 */
export interface Known {
  readonly log?: KnownLog;
  /** By SHA-256 of a payload, in hex. */
  readonly payloads: ReadonlyMap<string, KnownPayload>;
}

export interface KnownLog {
  readonly size: number;
  /** Lower-case hex: the roots of complete subtrees that the root is made of. */
  readonly frontier: readonly string[];
  readonly segments: readonly PlacedSegment[];
}

/** A segment, as far as one must know it to find, check and read its payload. */
export type PlacedSegment = Pick<Segment, 'segment' | 'first' | 'batch' | 'span' | 'payload'> & {
  readonly entry: number;
  readonly at: string;
  readonly records: number;
};

export interface KnownPayload {
  /** What fileIdentity() said when its bytes had this digest. */
  readonly identity: string;
  /** When they were read, milliseconds since 1970. */
  readonly at: number;
  /** Base64 of its filter (src/duck/filter.ts). */
  readonly filter?: string;
}

/** Genesis, head and segments. */
export interface Placed {
  readonly head: Head;
  /** Hash of genesis. */
  readonly genesis: Buffer;
  readonly segments: readonly PlacedSegment[];
  readonly known: Known;
  readonly log: KnownLog;
}

/**
 * The segments of a log as readHistory() finds them, but only entries behind the root that is known already are read.
 * `folder`: where it is remembered; nothing is, if not given. Throws what readHistory() throws.
 */
export function placeSegments(at: Layout, pin: Pin | undefined, folder: string | undefined): Placed {
  const head = readCheckpoint(at);
  const [first] = readEntries(at, 0, Math.min(1, head.size));
  if (!first) throw altered('the log is empty');
  const genesis = entryHash(first);
  if (pin && !pin.genesis.equals(genesis)) throw altered('genesis is not the one of the pin');
  const logKey = pin?.logKey ?? parseGenesis(parseEntry(parseNote(first).text)).logKey;
  if (!checkpointSignedBy(head.note, logKey)) throw altered('the checkpoint is not signed by the log key');
  const known = folder === undefined ? NOTHING : readKnown(folder, genesis);
  const log = extended(at, head, known.log) ?? extended(at, head, undefined);
  if (!log) throw altered('the entries are not those of the checkpoint');
  return { head, genesis, segments: log.segments, known, log };
}

/** Undefined where `known` and the entries behind it don't make the root of the checkpoint; `known` itself where there are none. */
function extended(at: Layout, head: Head, known: KnownLog | undefined): KnownLog | undefined {
  if (known && known.size > head.size) return undefined;
  const tree = CompactTree.of(
    known?.size ?? 0,
    (known?.frontier ?? []).map(h => Buffer.from(h, 'hex')),
  );
  const segments = [...(known?.segments ?? [])];
  for (const note of readEntries(at, tree.size, head.size)) {
    const entry = parseEntry(parseNote(note).text);
    if (tree.size > 0) segments.push(...placedIn(entry));
    tree.add(leafHash(note));
  }
  if (!tree.root().equals(head.root)) return undefined;
  if (known?.size === tree.size) return known;
  return { size: tree.size, frontier: tree.frontier.map(h => h.toString('hex')), segments };
}

function placedIn(entry: Entry): PlacedSegment[] {
  const found = sealed(entry);
  if (!found) return [];
  const { segment, first, batch, span, payload, entry: index, at, records } = found;
  const placed = { segment, first, batch, entry: index, at, records };
  return [{ ...placed, ...(span && { span }), ...(payload && { payload }) }];
}

const NOTHING: Known = { payloads: new Map() };
const FORM = 'slmaudit-known/1';
const MOST_BYTES = 1 << 30;

const knownPath = (folder: string, genesis: Buffer): string => join(folder, genesis.toString('hex'));

export function readKnown(folder: string, genesis: Buffer): Known {
  try {
    const text = readWhole(knownPath(folder, genesis), MOST_BYTES)?.toString('utf8');
    const key = readWhole(join(folder, 'key'), 64);
    if (text === undefined || key?.length !== 32) return NOTHING;
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    const mac = Buffer.from(text.slice(0, end), 'hex');
    const made = macOf(key, genesis, body);
    if (mac.length !== made.length || !timingSafeEqual(mac, made)) return NOTHING;
    const { log, payloads } = JSON.parse(body) as { log?: KnownLog; payloads: [string, KnownPayload][] };
    return { ...(log && { log }), payloads: new Map(payloads) };
  } catch {
    // Whatever is wrong with it, all can be verified anew.
    return NOTHING;
  }
}

/** Never the reason of a failure: a home that can't be written only means that nothing is remembered. */
export function writeKnown(folder: string, genesis: Buffer, known: Known): void {
  try {
    makeFolder(folder, 0o700);
    const body = JSON.stringify({ log: known.log, payloads: [...known.payloads] });
    const mac = macOf(keyIn(folder), genesis, body).toString('hex');
    replaceFile(knownPath(folder, genesis), `${mac}\n${body}`, 0o600);
  } catch (error) {
    if (!isCode(error, 'EACCES', 'ENOTDIR', 'EROFS', 'EPERM', 'ENOSPC', 'EDQUOT', 'ENOENT')) throw error;
  }
}

function keyIn(folder: string): Buffer {
  const path = join(folder, 'key');
  try {
    const key = randomBytes(32);
    createFile(path, key, 0o600);
    return key;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return readWhole(path, 64) ?? Buffer.alloc(0);
  }
}

const macOf = (key: Uint8Array, genesis: Buffer, body: string): Buffer =>
  hmacSha256(key, Buffer.from(FORM), genesis, hash('sha256', body, 'buffer'));

/** The segments that a log's entries tell of, up to where they can't be read; for answers that say that nothing was proved. */
export function unprovedSegments(at: Layout): Placed {
  const head = readCheckpoint(at);
  const segments: PlacedSegment[] = [];
  let genesis = Buffer.alloc(32);
  try {
    for (const note of readEntries(at, 0, head.size)) {
      const entry = parseEntry(parseNote(note).text);
      if (entry.index === 0) genesis = Buffer.from(entryHash(note));
      else segments.push(...placedIn(entry));
    }
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
  }
  return { head, genesis, segments, known: NOTHING, log: { size: 0, frontier: [], segments } };
}
