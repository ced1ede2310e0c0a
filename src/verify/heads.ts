import { hash } from 'node:crypto';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { type Checkpoint, checkpointSignedBy, parseCheckpoint } from '../log/checkpoint.ts';
import { consistencyProof, verifyConsistency } from '../merkle/proof.ts';
import type { VerifierKey } from '../note/key.ts';
import { isUnwritable, makeFolder, readWhole, replaceFile } from '../store/durable.ts';
import { readHead } from '../store/keys.ts';
import { type Head, readCheckpoint } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Finding, Fork, Report } from './finding.ts';
import type { LeafHashes } from './hashes.ts';

/** Where heads are known from. */
export interface KnownHeads {
  /** Folder of what earlier verifications found good. */
  readonly remember: string | undefined;
  readonly genesis: Buffer | undefined;
  /** An auditor's own copy. */
  readonly since: Buffer | undefined;
  readonly logKey: VerifierKey | undefined;
  /** A copy of an earlier time is no rollback. */
  readonly pack: boolean;
}

export interface CheckedHeads {
  readonly findings: readonly Finding[];
  readonly extends?: NonNullable<Report['extends']>;
  readonly behind?: number;
  readonly fork?: Fork;
}

/**
 * Heads that are known from elsewhere: the newest one this host has committed, the newest one an earlier verification
 * found good, and an auditor's own copy. The log must reach and contain each of them (SPEC 9, step 10).
 */
export function checkHeads(
  store: Store,
  head: Head,
  hashes: LeafHashes,
  { remember, genesis, since, logKey, pack }: KnownHeads,
): CheckedHeads {
  const committed = quietly(() => readHead(store.keys));
  const seen =
    remembered(remember, genesis) && quietly(() => readWhole(headPath(remember!, genesis!), 65_536));
  let known: CheckedHeads['extends'];
  let behind: number | undefined;
  for (const [note, kept] of [
    [committed, 'by_writer'],
    [seen, 'by_verifier'],
    [since, 'given'],
  ] as const) {
    if (!note) continue;
    const one = parsed(note);
    if (!one) return { findings: [{ code: 'HEAD_UNREADABLE', file: WHERE[kept] }] };
    // What lies on this host is its owner's; a head that somebody brings must be the log's.
    if (kept === 'given' && !(logKey && one.origin === head.origin && checkpointSignedBy(note, logKey)))
      return { findings: [{ code: 'HEAD_SIGNATURE', expected: head.origin, actual: one.origin }] };
    if (pack && one.size > hashes.size) {
      behind = Math.max(behind ?? 0, one.size);
      continue;
    }
    const finding = checkHead(store, head, hashes, one);
    if (finding?.code === 'FORK') return { findings: [finding], fork: forkOf(note, one, head, hashes) };
    if (finding) return { findings: [finding] };
    if (kept !== 'by_writer' && (!known || one.size >= known.size)) known = { size: one.size, kept };
  }
  return { findings: [], ...(known && { extends: known }), ...(behind !== undefined && { behind }) };
}

/** Whose head it is, for people. */
const WHERE = {
  by_writer: 'head, in the key folder',
  by_verifier: 'remembered in the state folder',
  given: '--since-head',
} as const;

const remembered = (folder: string | undefined, genesis: Buffer | undefined): boolean =>
  folder !== undefined && genesis !== undefined;

function checkHead(store: Store, head: Head, hashes: LeafHashes, known: Checkpoint): Finding | undefined {
  if (known.size > hashes.size) {
    // Written just behind the checkpoint it copies: a newer one means that the log moved on while this was reading.
    if (readCheckpoint(store.at).size >= known.size) return undefined;
    return { code: 'ROLLBACK', expected: `${known.size} entries`, actual: `${head.size} entries` };
  }
  if (hashes.rootAt(known.size).equals(known.root)) return undefined;
  return { code: 'FORK', expected: known.root.toString('base64') };
}

function forkOf(known: Buffer, { size }: Checkpoint, head: Head, hashes: LeafHashes): Fork {
  return {
    form: 'slmaudit-fork/1',
    known: known.toString('utf8'),
    present: head.note.toString('utf8'),
    rootThen: hashes.rootAt(size).toString('base64'),
    proof: consistencyProof(hashes.all(), size).map(h => h.toString('base64')),
  };
}

/** Does the file show, to whoever has the log key, that its holder signed two histories? */
export function isFork(fork: Fork, logKey: VerifierKey): boolean {
  const [known, present] = [parseCheckpoint(fork.known), parseCheckpoint(fork.present)];
  const then = Buffer.from(fork.rootThen, 'base64');
  const hashes = fork.proof.map(h => Buffer.from(h, 'base64'));
  return (
    checkpointSignedBy(fork.known, logKey) &&
    checkpointSignedBy(fork.present, logKey) &&
    verifyConsistency(known.size, present.size, hashes, then, present.root) &&
    !then.equals(known.root)
  );
}

/** Keeps what shows a fork beside the heads, where nobody overwrites it; undefined where that can't be written. */
export function keepFork(folder: string, fork: Fork): string | undefined {
  return quietly(() => {
    makeFolder(folder, 0o700);
    const name = hash('sha256', JSON.stringify(fork)).slice(0, 16);
    const path = join(folder, `fork-${name}.json`);
    replaceFile(path, `${JSON.stringify(fork, undefined, 2)}\n`, 0o600);
    return path;
  });
}

/** Never the reason of a failure: a home that can't be written only means that nothing is remembered. */
export function rememberHead(folder: string, genesis: Buffer, head: Head): void {
  quietly(() => {
    makeFolder(folder, 0o700);
    const old = parsed(readWhole(headPath(folder, genesis), 65_536));
    if (!old || old.size < head.size) replaceFile(headPath(folder, genesis), head.note, 0o600);
  });
}

const headPath = (folder: string, genesis: Buffer): string => join(folder, genesis.toString('hex'));

function parsed(note: Buffer | undefined): Checkpoint | undefined {
  try {
    return note && parseCheckpoint(note);
  } catch (error) {
    if (error instanceof AuditError) return undefined;
    throw error;
  }
}

/** Verifying needs neither keys nor a home: a host that may not read the ones, or write the other, checks what it can. */
export function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnwritable(error)) return undefined;
    throw error;
  }
}
