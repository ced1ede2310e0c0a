import { randomBytes } from 'node:crypto';
import { createMac } from '../keys/hash.ts';
import { eventIds } from '../normalize/event.ts';
import { scannerOf } from '../normalize/secrets.ts';
import { canonicalLine } from '../record/canonical.ts';
import { type AuditRecord, SCHEMA_VERSION } from '../record/schema.ts';
import { createFile, replaceFile } from '../store/durable.ts';
import { headerFrame, markFrame, recordFrame, sourceFrame } from '../store/frame.ts';
import { readRecordKeys } from '../store/keys.ts';
import { makeOpenFolder, openFile } from '../store/layout.ts';
import { newHeader } from '../store/open.ts';
import type { Store } from '../store/store.ts';

/** Who does something that the store keeps a record of, and when. */
export interface Actor {
  readonly user: string;
  /** As records have times. */
  readonly at: string;
}

/** What the program itself says in a record (event_type admin). */
export interface OwnRecord {
  readonly operation: string;
  readonly status: 'ok' | 'error' | 'cancelled';
  /** Microseconds. */
  readonly latency?: number;
  /** Becomes `extra`. Its texts must have been scrubbed. */
  readonly extra: object;
}

/** The record of one act, alone in an open segment that the next writer seals. */
export interface OwnSegment {
  readonly batch: string;
  /** Says it in another way from now on. */
  replace(record: OwnRecord): void;
}

export const OWN_SOURCE = 'slmaudit';

/** Writes a record of what `actor` does. It is on disk for good when this returns. Throws what the system throws, KEY_MALFORMED. */
export function createOwn(store: Store, actor: Actor, first: OwnRecord): OwnSegment {
  const key = readRecordKeys(store.keys)[0]!;
  const header = newHeader(store);
  const path = openFile(store.at, header.batch, 'open');
  const stream = randomBytes(16).toString('hex');
  const eventId = eventIds({ mac: createMac(key.key), sourceId: OWN_SOURCE, stream })(
    0,
    0,
    Buffer.from(actor.at, 'utf8'),
  );
  const content = (record: OwnRecord): string =>
    [
      headerFrame(header),
      sourceFrame(0, { name: OWN_SOURCE, stream, kind: 'pipe', from: 0 }),
      recordFrame(0, 1, canonicalLine(recordOf(eventId, actor, record))),
      markFrame(0, 1, { read: 1, blank: 0, not_a_request: 0, part: 0 }),
    ].join('');
  makeOpenFolder(store.at);
  createFile(path, content(first), 0o600);
  return { batch: header.batch, replace: record => replaceFile(path, content(record), 0o600) };
}

function recordOf(
  eventId: string,
  { user, at }: Actor,
  { operation, status, latency, extra }: OwnRecord,
): AuditRecord {
  return {
    v: SCHEMA_VERSION,
    event_id: eventId,
    event_type: 'admin',
    ts: at,
    ts_quality: 'exact',
    source_id: OWN_SOURCE,
    source_format: 'slmaudit',
    status,
    user_id: user,
    user_kind: 'human',
    operation,
    ...(latency !== undefined && { latency_us: latency }),
    extra: JSON.stringify(extra),
  };
}

const scanner = scannerOf([]);

/** Without the secrets that the rules of SPEC 7 know. */
export const scrubbed = (text: string): string => scanner.scrub(text).text;
