/**
 * The library behind the command line: formats, signatures, trees and verification without the program around
 * them. What is not named here is not stable.
 */
export { AuditError } from './errors.ts';
export { type Entry, entryHash, formatEntry, parseEntry } from './log/entry.ts';
export { type Checkpoint, checkpointSignedBy, parseCheckpoint } from './log/checkpoint.ts';
export { formatPin, parsePin, type Pin } from './log/pin.ts';
export { formatProof, parseProof, type TlogProof } from './log/proof.ts';
export { parseSegment, type Segment, type SourceRange } from './log/segment.ts';
export { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './merkle/proof.ts';
export { CompactTree, nodeHash, rootOf } from './merkle/tree.ts';
export { formatVkey, parseVkey, type VerifierKey } from './note/key.ts';
export { formatNote, type Note, noteSignedBy, parseNote } from './note/note.ts';
export { canonicalLine, leafHash } from './record/canonical.ts';
export { type AuditRecord, COLUMNS, type Column, SCHEMA_VERSION } from './record/schema.ts';
export { openStore, type Store } from './store/store.ts';
export { type Finding, FINDINGS, type Report } from './verify/finding.ts';
export { type ProofResult, verifyProof } from './verify/proof.ts';
export { verify, type VerifyOptions } from './verify/verify.ts';
