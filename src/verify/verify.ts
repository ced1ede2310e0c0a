import { existsSync } from 'node:fs';
import { AuditError, stopped } from '../errors.ts';
import { checkpointSignedBy } from '../log/checkpoint.ts';
import type { PayloadFile } from '../log/inventory.ts';
import type { Pin } from '../log/pin.ts';
import { countOf } from '../log/ranges.ts';
import { TILE_WIDTH, tilePath } from '../merkle/tile.ts';
import { leafHash } from '../merkle/tree.ts';
import type { VerifierKey } from '../note/key.ts';
import { instantOf } from '../store/clock.ts';
import { isCode } from '../store/durable.ts';
import { stagedIndexes } from '../store/keys.ts';
import { type Layout, quarantinePath } from '../store/layout.ts';
import { type Head, readBundle, readCheckpoint } from '../store/log.ts';
import { localPin, type Store } from '../store/store.ts';
import { Chain, type EntryClaim } from './chain.ts';
import { checkBundle, checkFormatFile, checkStrays, checkTiles } from './files.ts';
import { LeafHashes } from './hashes.ts';
import { checkHeads, knownHeads, quietly, rememberHead } from './heads.ts';
import type { Seen, Sight } from './look.ts';
import { Lookers } from './lookers.ts';
import { type CheckedFile, checkQuarantine, judged, sightOf } from './payloads.ts';
import { isMeant, nothingMeant, type Only } from './only.ts';
import { checkParts } from './parts.ts';
import {
  type Assurance,
  type Checked,
  type Finding,
  isLowering,
  notReadable,
  type Pending,
  type Report,
} from './finding.ts';

export interface VerifyOptions {
  /** An auditor's pin; without one, the pin of this host is taken if it has one. */
  readonly pin?: Pin;
  /** Make every leaf hash again from the payloads. */
  readonly records: boolean;
  /** Folder outside the store in which the newest checkpoint that was found good is remembered, by genesis. */
  readonly remember?: string;
  /** A checkpoint that an auditor has kept: the log must extend it. */
  readonly sinceHead?: Buffer;
  /** Only the payloads of some segments are opened; the whole log is checked all the same. */
  readonly only?: Only;
  /**
   * The store is the one of an evidence pack: rejected lines may be left out, and the log may have grown since, so that it is
   * shorter than heads known here is no finding.
   */
  readonly pack?: boolean;
  /** Threads that look at signatures and files of records; 1, in this one, if not given. */
  readonly jobs?: number;
  readonly onProgress?: (done: Progress) => void;
  readonly signal?: AbortSignal;
}

/** How many of what have been checked. */
export interface Progress {
  readonly what: 'entry' | 'segment';
  readonly done: number;
  readonly of: number;
  /** Of the work, where some are larger than others: 0 to 1. */
  readonly share?: number;
}

/** Opening a file takes as long as digesting so many bytes. */
const FILE_BYTES = 32 << 10;

/** What is below all of these is looked at before threads have begun. */
const WORTH_THREADS = { bytes: 32 << 20, files: 2000, entries: 2000 } as const;

/** A writer may commit while this reads: what is wrong against the newest checkpoint is wrong. */
const ATTEMPTS = 5;

/** Checks the whole store and lists all that is wrong. Never writes to it. Throws what makes checking impossible, and STOPPED. */
export async function verify(store: Store, options: VerifyOptions): Promise<Report> {
  for (let attempt = 1; ; attempt++) {
    const before = noteOf(store.at);
    const report = await verifyOnce(store, options);
    const moved = noteOf(store.at) !== before;
    if (!moved || report.findings.length === 0 || attempt === ATTEMPTS) return report;
  }
}

async function verifyOnce(store: Store, options: VerifyOptions): Promise<Report> {
  const { at } = store;
  const origin = options.pin?.logKey.name ?? store.origin;
  const local = options.pin ? undefined : localPin(store);
  const pin = options.pin ?? local;
  const known = knownHeads(store, options.remember, pin?.genesis, options.sinceHead);
  const head = readCheckpoint(at);
  if (options.pin) await checkPinned(at, head, options.pin);
  const { chain, hashes, findings: bundles, isWhole } = await readChain(at, head, origin, pin, options);
  const logKey = pin?.logKey ?? chain.genesis?.logKey;
  const log = [
    ...checkFormatFile(at),
    // Where genesis can't be read, nobody says whose key that would be.
    ...(isWhole || logKey ? checkCheckpoint(head, origin, logKey) : []),
    ...chain.findings,
    ...bundles,
    ...(isWhole ? checkTree(at, head, hashes) : []),
  ];
  const heads = checkHeads(known, head, hashes, {
    logKey,
    isPinned: pin !== undefined,
    pack: options.pack ?? false,
  });
  const { findings: files, checked } = await checkFiles(at, chain, { ...options, isWhole });
  const reach = {
    size: head.size,
    segments: chain.segments.length,
    sizeNow: () => sizeNow(at, head, logKey),
  };
  const strays = isWhole ? checkStrays(at, reach, chain.inventory) : { findings: [], pending: [] };
  const findings = [
    ...log,
    ...heads.findings,
    ...files,
    ...strays.findings,
    ...(isWhole ? checkParts(at, chain.unfinished) : []),
  ];
  const assurance = assuranceOf(findings, options.pin, local);
  if (pin && assurance !== 'none' && options.remember !== undefined)
    rememberHead(options.remember, pin.genesis, head);
  return {
    origin,
    size: head.size,
    root: head.root.toString('base64'),
    assurance,
    findings,
    pending: [...strays.pending, ...staged(store)],
    checked: { entries: hashes.size, ...checked },
    ...(heads.extends && { extends: heads.extends }),
    ...(heads.behind !== undefined && { behind: heads.behind }),
    ...(heads.fork && { fork: heads.fork }),
    checkpoint: head.note.toString('utf8'),
    clockRegressions: chain.clockRegressions,
  };
}

/** Throws PIN_OF_ANOTHER_LOG where the store is one of another name, and whole: then the wrong one was named. */
async function checkPinned(at: Layout, head: Head, { logKey }: Pin): Promise<void> {
  if (logKey.name === head.origin || !(await isWholeLog(at, head))) return;
  throw new AuditError('PIN_OF_ANOTHER_LOG', `that pin is of ${logKey.name}; the store is ${head.origin}`, {
    hint: 'name the right store with --store; if this should be the one, what stands there is not what was pinned',
  });
}

/** `logKey`: that of the pin, else of genesis; without either nobody can have signed. */
function checkCheckpoint(head: Head, origin: string, logKey: VerifierKey | undefined): Finding[] {
  const isSigned = logKey?.name === origin && head.origin === origin && checkpointSignedBy(head.note, logKey);
  return isSigned ? [] : [{ code: 'CHECKPOINT_SIGNATURE', file: 'log/checkpoint' }];
}

/** The entries make the root of the checkpoint, and the tiles are theirs; of other entries no tile can be told. */
function checkTree(at: Layout, head: Head, hashes: LeafHashes): Finding[] {
  const root = hashes.root();
  if (root.equals(head.root) && hashes.size === head.size) return checkTiles(at, hashes);
  const [expected, actual] = [head.root.toString('base64'), root.toString('base64')];
  return [{ code: 'ROOT_MISMATCH', expected, actual }];
}

/** How far the log has come by now; whoever has not the log key can't say that it has. */
function sizeNow(at: Layout, head: Head, logKey: VerifierKey | undefined): number {
  const now = readCheckpoint(at);
  return logKey && checkpointSignedBy(now.note, logKey) ? Math.max(now.size, head.size) : head.size;
}

/** Is this really the log that its checkpoint says, and not one whose name was altered? */
async function isWholeLog(at: Layout, head: Head): Promise<boolean> {
  const { chain } = await readChain(at, { ...head, size: Math.min(1, head.size) }, head.origin, undefined);
  const logKey = chain.genesis?.logKey;
  return chain.findings.length === 0 && logKey !== undefined && checkpointSignedBy(head.note, logKey);
}

interface ReadChain {
  readonly chain: Chain;
  readonly hashes: LeafHashes;
  readonly findings: Finding[];
  /** Could all of the log be read? What it makes, and what lies beside it, can't be judged else. */
  readonly isWhole: boolean;
}

/**
 * Entries up to a missing or damaged bundle; that one is a finding, and what it makes unreadable is not checked. Signatures are checked
 * behind the reading, by threads where there are many.
 */
async function readChain(
  at: Layout,
  head: Head,
  origin: string,
  pin: Pin | undefined,
  { jobs = 1, onProgress, signal }: Pick<VerifyOptions, 'jobs' | 'onProgress' | 'signal'> = {},
): Promise<ReadChain> {
  const chain = new Chain(origin, pin, instantOf(Date.now()));
  const hashes = new LeafHashes(head.size);
  const findings: Finding[] = [];
  const lookers = new Lookers(head.size < WORTH_THREADS.entries ? 1 : jobs, signal);
  const coming: Promise<number>[] = [];
  const check = async (claims: readonly EntryClaim[]): Promise<number> => {
    const bad = await lookers.falseOf(claims);
    for (const place of bad) chain.bad(claims[place]!);
    return claims.length;
  };
  let refused: Finding | undefined;
  let checked = 0;
  const checkedTo = async (most: number): Promise<void> => {
    while (coming.length > most) checked += await coming.shift()!;
    // What signals say is heard between two turns.
    await new Promise(done => setImmediate(done));
    goOn(signal);
    onProgress?.({ what: 'entry', done: checked, of: head.size });
  };
  const read = (bundle: number): boolean => {
    try {
      const width = Math.min(TILE_WIDTH, head.size - bundle * TILE_WIDTH);
      const notes = readBundle(at, bundle, width).slice(0, width);
      for (const note of notes) {
        chain.add(note);
        hashes.add(leafHash(note));
      }
      findings.push(...checkBundle(at, bundle, notes));
      return true;
    } catch (error) {
      if (!(error instanceof AuditError || isCode(error, 'ENOTDIR'))) {
        refused = notReadable(tilePath('entries', bundle), error);
        findings.push(refused);
        return false;
      }
      findings.push({ code: 'ENTRY_MISSING', entry: hashes.size, actual: (error as Error).message });
      return false;
    }
  };
  try {
    for (let [bundle, isRead] = [0, true]; isRead && bundle * TILE_WIDTH < head.size; bundle++) {
      isRead = read(bundle);
      const claims = check(chain.takeClaims());
      // Whoever stops early does not hear of it.
      claims.catch(() => undefined);
      coming.push(claims);
      await checkedTo(lookers.most);
    }
    await checkedTo(0);
  } finally {
    await lookers.close();
  }
  return { chain, hashes, findings, isWhole: refused === undefined };
}

function goOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw stopped(signal.reason);
}

/** What is counted while files are checked. */
type Counts = Omit<Checked, 'entries'>;

const NOTHING: Counts = {
  segments: 0,
  records: 0,
  pruned: 0,
  redacted: 0,
  recomputed: 0,
  payloads: 0,
  quarantined: 0,
  absent: 0,
  damaged: 0,
  bytes: 0,
  passedOver: 0,
};

/** The files of the segments that are meant, each once, and these segments' rejected lines. Throws NOTHING_CHECKED where none is meant. */
async function checkFiles(
  at: Layout,
  { segments, inventory }: Chain,
  { records, only, pack, onProgress, signal, isWhole, jobs = 1 }: VerifyOptions & Pick<ReadChain, 'isWhole'>,
): Promise<{ findings: Finding[]; checked: Counts }> {
  const meant = segments.filter(segment => isMeant(segment, only));
  if (only && meant.length === 0 && isWhole) throw nothingMeant(segments.length);
  const findings: Finding[] = [];
  const checked: { -readonly [K in keyof Counts]: Counts[K] } = {
    ...NOTHING,
    passedOver: segments.length - meant.length,
  };
  const files = [...new Set(meant.map(s => inventory.files.get(s.segment)))].filter(f => f !== undefined);
  const sight = (file: PayloadFile): Sight => sightOf(at, inventory, file, records);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const isMuch = bytes >= WORTH_THREADS.bytes || files.length >= WORTH_THREADS.files;
  const lookers = new Lookers(isMuch ? Math.min(jobs, files.length) : 1, signal);
  const seen = lookers.all(mapped(files, sight));
  const note = (file: CheckedFile): void => {
    findings.push(...file.findings);
    checked.bytes += file.bytes;
    checked.recomputed += file.recomputed;
  };
  try {
    let next = 0;
    const share = (): number =>
      (checked.bytes + checked.segments * FILE_BYTES) / (bytes + meant.length * FILE_BYTES);
    for (const segment of meant) {
      goOn(signal);
      checked.segments++;
      checked.damaged += segment.damaged;
      const file = inventory.files.get(segment.segment);
      const isPruned = inventory.pruned.has(segment.segment);
      if (isPruned) checked.pruned += segment.records;
      else checked.records += segment.records;
      if (!isPruned) checked.redacted += countOf(inventory.redacted.get(segment.segment) ?? []);
      if (file && file === files[next]) {
        next++;
        const payload = judged(at, inventory, file, sight(file), (await seen.next()).value as Seen);
        if (payload.isThere) checked.payloads++;
        note(payload);
      }
      const isAbsent = pack && !existsSync(quarantinePath(at, segment.segment));
      if (inventory.hasRejected(segment) && isAbsent) checked.absent += segment.rejected!.count;
      else if (inventory.hasRejected(segment)) {
        checked.quarantined += segment.rejected!.count;
        note(await checkQuarantine(at, segment, signal));
      }
      onProgress?.({ what: 'segment', done: checked.segments, of: meant.length, share: share() });
    }
  } finally {
    await lookers.close();
  }
  return { findings, checked };
}

function* mapped<A, B>(all: Iterable<A>, map: (one: A) => B): Generator<B> {
  for (const one of all) yield map(one);
}

function staged(store: Store): Pending[] {
  const indexes = quietly(() => stagedIndexes(store.keys)) ?? [];
  return indexes.map(index => ({ kind: 'staged', file: `staged/${index}` }));
}

function assuranceOf(
  findings: readonly Finding[],
  given: Pin | undefined,
  local: Pin | undefined,
): Assurance {
  if (!findings.every(isLowering)) return 'none';
  if (given) return 'pinned';
  return local ? 'pinned_here' : 'self_consistent';
}

function noteOf(at: Layout): string {
  return readCheckpoint(at).note.toString('latin1');
}
