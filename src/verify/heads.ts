import { hash } from 'node:crypto';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { type Checkpoint, checkpointSignedBy, parseCheckpoint } from '../log/checkpoint.ts';
import { entryHash } from '../log/entry.ts';
import { consistencyProof, verifyConsistency } from '../merkle/proof.ts';
import type { VerifierKey } from '../note/key.ts';
import { isUnwritable, makeFolder, readWhole, replaceFile } from '../store/durable.ts';
import { readHead } from '../store/keys.ts';
import type { Layout } from '../store/layout.ts';
import { type Head, readEntries } from '../store/log.ts';
import type { Store } from '../store/store.ts';
import type { Finding, Fork, Report } from './finding.ts';
import type { LeafHashes } from './hashes.ts';

/** A head that is known from elsewhere, and who kept it. */
export interface KnownHead {
  readonly note: Buffer;
  readonly kept: keyof typeof WHERE;
}

/**
 * Heads that are known from elsewhere: the newest one this host has committed, the newest one an earlier verification found good, and an
 * auditor's own copy (`since`). `genesis`: its hash; without one, that of the first entry. To be read before the checkpoint: each was one
 * before it was kept, so the one that is read next is no older, unless the log was rolled back.
 */
export function knownHeads(
  store: Store,
  remember: string | undefined,
  genesis: Buffer | undefined,
  since: Buffer | undefined,
): KnownHead[] {
  const committed = quietly(() => readHead(store.keys));
  const seen =
    remember === undefined ? undefined : quietly(() => seenHead(remember, genesis ?? firstHash(store.at)));
  return [
    ...(committed ? [{ note: committed, kept: 'by_writer' } as const] : []),
    ...(seen ? [{ note: seen, kept: 'by_verifier' } as const] : []),
    ...(since ? [{ note: since, kept: 'given' } as const] : []),
  ];
}

export interface CheckedHeads {
  readonly findings: readonly Finding[];
  readonly extends?: NonNullable<Report['extends']>;
  readonly behind?: number;
  readonly fork?: Fork;
}

const seenHead = (folder: string, genesis: Buffer | undefined): Buffer | undefined =>
  genesis && readWhole(headPath(folder, genesis), 65_536);

/** That of what stands in the place of genesis. */
function firstHash(at: Layout): Buffer | undefined {
  try {
    const [first] = readEntries(at, 0, 1);
    return first && entryHash(first);
  } catch (error) {
    if (error instanceof AuditError) return undefined;
    throw error;
  }
}

/**
 * The log must reach and contain each of them (SPEC 9, step 10); one that says nothing keeps no other from being compared. `isPinned`: the
 * log key is a pin's. `pack`: a copy of an earlier time is no rollback.
 */
export function checkHeads(
  heads: readonly KnownHead[],
  head: Head,
  hashes: LeafHashes,
  {
    logKey,
    isPinned,
    pack,
  }: { readonly logKey: VerifierKey | undefined; readonly isPinned: boolean; readonly pack: boolean },
): CheckedHeads {
  const findings: Finding[] = [];
  let known: CheckedHeads['extends'];
  let behind: number | undefined;
  let fork: Fork | undefined;
  for (const { note, kept } of heads) {
    const one = parsed(note);
    const isOurs = one?.origin === head.origin && logKey !== undefined && checkpointSignedBy(note, logKey);
    if (!one) findings.push({ code: 'HEAD_UNREADABLE', file: WHERE[kept] });
    else if (kept === 'given' && !isOurs)
      findings.push({ code: 'HEAD_SIGNATURE', expected: head.origin, actual: one.origin });
    else if (pack && one.size > hashes.size) behind = Math.max(behind ?? 0, one.size);
    else {
      const wrong = checkHead(head, hashes, one);
      // What lies on this host may be damaged: that says nothing of the log.
      const finding: Finding | undefined =
        wrong && isPinned && !isOurs ? { code: 'HEAD_UNREADABLE', file: WHERE[kept] } : wrong;
      if (finding && !findings.some(f => f.code === finding.code)) findings.push(finding);
      if (finding?.code === 'FORK') fork ??= forkOf(note, one, head, hashes);
      if (!finding && kept !== 'by_writer' && (!known || one.size >= known.size))
        known = { size: one.size, kept };
    }
  }
  return {
    findings,
    ...(known && findings.length === 0 && { extends: known }),
    ...(behind !== undefined && { behind }),
    ...(fork && { fork }),
  };
}

/** Whose head it is, for people. */
const WHERE = {
  by_writer: 'head, in the key folder',
  by_verifier: 'remembered in the state folder',
  given: '--since-head',
} as const;

function checkHead(head: Head, hashes: LeafHashes, known: Checkpoint): Finding | undefined {
  if (known.size > head.size)
    return { code: 'ROLLBACK', expected: `${known.size} entries`, actual: `${head.size} entries` };
  // Entries that can't be read are a finding already.
  if (known.size > hashes.size) return undefined;
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
