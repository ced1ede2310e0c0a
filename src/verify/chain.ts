import { AuditError } from '../errors.ts';
import { type Entry, entryHash, entryName, parseEntry } from '../log/entry.ts';
import { type Genesis, parseGenesis } from '../log/genesis.ts';
import { Inventory, type Misstated, sealedSegment } from '../log/inventory.ts';
import { owned } from '../log/line.ts';
import type { Pin } from '../log/pin.ts';
import { formatRanges, MOST_REJECTED, numbersOf, type Range, rangesOf } from '../log/ranges.ts';
import { parseRecordKey } from '../log/recordkey.ts';
import { parseRekey } from '../log/rekey.ts';
import { parseCompact, parsePrune, parseRedact, type Prune, type Redact } from '../log/restate.ts';
import { ageFrom, later, Retention } from '../log/retention.ts';
import type { Segment } from '../log/segment.ts';
import type { VerifierKey } from '../note/key.ts';
import { type Note, noteSignedBy, parseNote } from '../note/note.ts';
import { Columns, type Verified } from './columns.ts';
import type { Finding, FindingCode } from './finding.ts';
import type { Claim } from './claims.ts';

/** An open segment, as far as it was sealed. */
export interface SealedBatch {
  readonly batch: string;
  /** The segments that it makes. */
  readonly of: number;
  /** Those of them that are in the log, from 0. */
  readonly parts: Set<number>;
  readonly classes: Set<string>;
  /** The first of these. */
  readonly first: { readonly entry: number; readonly segment: number };
}

/** Five minutes: a time further in the future of this host is a finding. */
const AHEAD_DAYS = 5 / 1440;

/**
 * The chain of entries (SPEC 9, steps 3 to 8): takes notes one after the other and keeps what the next one has to
 * join. A bad entry is a finding; the chain goes on behind it with what the entry itself states.
 */
export class Chain {
  /** Which files hold which segments, as far as verifying went. */
  readonly inventory: Inventory<Verified>;
  genesis: Genesis | undefined;
  /** Hash of genesis. */
  hash: Buffer | undefined;
  clockRegressions = 0;
  at = '';
  readonly #findings: Finding[] = [];
  readonly #bad: Pick<EntryClaim, 'before' | 'entry'>[] = [];
  #claims: EntryClaim[] = [];
  readonly #origin: string;
  readonly #pin: Pin | undefined;
  readonly #now: string;
  #retention = new Retention('');
  /** An entry of a newer slmaudit was met: what rests on policies and holds can't be judged behind it. */
  #isPartial = false;
  #index = 0;
  #prev: Buffer | undefined;
  #next: VerifierKey | undefined;
  #records = 0;
  /** Open segments that were sealed as one, as most are: their ids, a character a byte. */
  readonly #whole = new Set<string>();
  readonly #batches = new Map<string, SealedBatch>();
  readonly #sources = new Map<string, number>();
  /** Rejected lines of each segment, and those of them that were read again. */
  readonly #rejected: number[] = [];
  readonly #retried = new Map<number, Set<number>>();

  /** `now`: the verifier's own clock, as entries have times. */
  constructor(origin: string, pin: Pin | undefined, now: string) {
    this.#origin = origin;
    this.#pin = pin;
    this.#now = now;
    const columns = new Columns();
    this.inventory = new Inventory(segment => columns.add(segment));
  }

  get segments(): readonly Verified[] {
    return this.inventory.segments;
  }

  /** In the order of entries; complete once all claims that were taken have been checked. */
  get findings(): readonly Finding[] {
    const late = this.#bad.toSorted((a, b) => a.before - b.before || a.entry - b.entry);
    const all: Finding[] = [];
    let done = 0;
    for (const { before, entry } of late) {
      for (; done < before; done++) all.push(this.#findings[done]!);
      all.push({ code: 'ENTRY_SIGNATURE', entry });
    }
    for (; done < this.#findings.length; done++) all.push(this.#findings[done]!);
    return all;
  }

  /** Signatures of entries that nobody has checked yet: whoever takes them does, and tells of the bad ones. */
  takeClaims(): EntryClaim[] {
    const claims = this.#claims;
    this.#claims = [];
    return claims;
  }

  /** In the order of entries. */
  bad({ entry, before }: EntryClaim): void {
    // A key's signatures of one note are one finding.
    if (this.#bad.at(-1)?.entry !== entry) this.#bad.push({ before, entry });
  }

  add(bytes: Buffer): void {
    const index = this.#index++;
    const note = this.#parsed(index, () => parseNote(bytes));
    const entry = note && this.#parsed(index, () => parseEntry(note.text));
    if (note && entry) {
      this.#place(index, entry);
      if (index === 0) this.#begin(note, entry, bytes);
      else this.#join(index, note, entry);
      if (index === 0) this.#retention = new Retention(entry.at);
      else if (entry.kind === 'segment') this.#segment(index, entry);
      else if (entry.version === 1) this.#event(index, entry);
      else this.#newer(index, `${entry.kind}/v${entry.version}`);
      this.at = entry.at;
    }
    this.#prev = entryHash(bytes);
    this.#next = entry?.next;
  }

  #parsed<T>(index: number, parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      if (error.code === 'WRITTEN_BY_NEWER') this.#newer(index, error.message);
      else this.#find('ENTRY_MALFORMED', index, { actual: error.message });
      return undefined;
    }
  }

  #newer(index: number, actual: string): void {
    this.#isPartial = true;
    this.#find('WRITTEN_BY_NEWER', index, { actual });
  }

  #place(index: number, entry: Entry): void {
    const [expected, actual] = [entryName(this.#origin, index), entryName(entry.origin, entry.index)];
    if (expected !== actual) this.#find('ENTRY_PLACE', index, { expected, actual });
    if (entry.at < this.at)
      this.#find('ENTRY_TIME', index, { expected: `${this.at} or later`, actual: entry.at });
    if (entry.at > later(this.#now, AHEAD_DAYS))
      this.#find('ENTRY_FUTURE', index, { expected: `${this.#now} at most`, actual: entry.at });
    if (entry.clock === undefined) return;
    if (entry.clock < entry.at && entry.at === this.at) this.clockRegressions++;
    else this.#find('ENTRY_CLOCK', index, { actual: entry.clock });
  }

  #begin(note: Note, entry: Entry, bytes: Buffer): void {
    const genesis = this.#parsed(0, () => parseGenesis(entry));
    if (!genesis) return;
    this.genesis = genesis;
    if (entry.prev) this.#find('ENTRY_CHAIN', 0, { actual: 'genesis names an entry before it' });
    if (!noteSignedBy(note, genesis.epochKey) || !noteSignedBy(note, genesis.logKey))
      this.#find('GENESIS_SIGNATURE', 0);
    const hash = entryHash(bytes);
    this.hash = hash;
    if (this.#pin && !this.#pin.genesis.equals(hash)) {
      const [expected, actual] = [this.#pin.genesis.toString('hex'), hash.toString('hex')];
      this.#find('GENESIS_MISMATCH', 0, { expected, actual });
    }
  }

  #join(index: number, note: Note, entry: Entry): void {
    if (!this.#prev || entry.prev?.equals(this.#prev) !== true) {
      this.#find('ENTRY_CHAIN', index, { expected: base64(this.#prev), actual: base64(entry.prev) });
    }
    const recovery = this.genesis?.recoveryKey;
    if (entry.kind === 'rekey') {
      if (!recovery || !noteSignedBy(note, recovery)) this.#find('ENTRY_SIGNATURE', index);
    }
    // Behind an entry that can't be read, the key is not known: that entry is the finding.
    else if (this.#next) this.#claim(index, note, this.#next);
    if (note.signatures.length > 1)
      this.#find('ENTRY_SIGNATURE', index, { actual: `${note.signatures.length} signatures` });
    if (!this.#next && entry.kind !== 'rekey')
      this.#find('ENTRY_SIGNATURE', index, { actual: 'no key is named for it' });
  }

  /** As noteSignedBy(), but that the signature is checked later: one takes longer than all else of an entry. */
  #claim(entry: number, note: Note, { name, keyId, publicKey }: VerifierKey): void {
    const own = note.signatures.filter(s => s.name === name && s.keyId === keyId);
    if (own.length === 0) this.#find('ENTRY_SIGNATURE', entry);
    const [before, message] = [this.#findings.length, Buffer.from(note.text, 'utf8')];
    for (const { signature } of own) this.#claims.push({ entry, before, publicKey, message, signature });
  }

  #event(index: number, entry: Entry): void {
    switch (entry.kind) {
      case 'rekey':
        return this.#rekey(index, entry);
      case 'recordkey':
        return void this.#parsed(index, () => parseRecordKey(entry));
      case 'policy':
      case 'hold':
      case 'release':
        if (this.#parsed(index, () => this.#retention.add(entry)) === false)
          this.#find('HOLD_UNKNOWN', index, { actual: entry.kind });
        return;
      case 'compact': {
        const compact = this.#parsed(index, () => parseCompact(entry));
        return this.#misstated(index, compact && this.inventory.restate(index, compact, []));
      }
      case 'prune': {
        const prune = this.#parsed(index, () => parsePrune(entry));
        if (prune && !this.#isPartial) this.#judgePrune(entry, prune);
        return this.#misstated(index, prune && this.inventory.prune(index, prune));
      }
      case 'redact': {
        const redact = this.#parsed(index, () => parseRedact(entry));
        if (redact && !this.#isPartial) this.#judgeRedact(entry, redact);
        return this.#misstated(index, redact && this.inventory.redact(index, redact));
      }
      default:
        this.#newer(index, `${entry.kind}/v${entry.version}`);
    }
  }

  #misstated(entry: number, wrong: readonly Misstated[] = []): void {
    for (const { why, segment } of wrong) this.#add('RESTATED_WRONG', { entry, segment }, { actual: why });
  }

  #judgePrune(entry: Entry, { policy, pruned }: Prune): void {
    const { newest } = this.#retention;
    const of = { entry: entry.index };
    if (policy !== newest.entry)
      this.#add('PRUNE_OUTSIDE_POLICY', of, { expected: `policy ${newest.entry}`, actual: policy });
    for (const group of pruned)
      for (const segment of this.#named(group.segments)) {
        this.#judge(entry, segment, 'PRUNE');
        const age = ageFrom(segment, newest.policy);
        if (segment.class !== group.class || age > group.cutoff)
          this.#add(
            'PRUNE_OUTSIDE_POLICY',
            { ...of, segment: segment.segment },
            {
              expected: `class ${group.class}, up to ${group.cutoff}`,
              actual: `${segment.class}, ${age}`,
            },
          );
      }
  }

  #judgeRedact(entry: Entry, { policy, rows, quarantine }: Redact): void {
    const { newest } = this.#retention;
    if (policy !== newest.entry)
      this.#add(
        'REDACT_OUTSIDE_POLICY',
        { entry: entry.index },
        { expected: `policy ${newest.entry}`, actual: policy },
      );
    const ranges = [...rows.map(r => [r.segment, r.segment] as const), ...quarantine];
    for (const segment of new Set(this.#named(ranges))) this.#judge(entry, segment, 'REDACT');
  }

  *#named(ranges: readonly Range[]): Generator<Verified> {
    for (const n of this.inventory.present(ranges)) yield this.inventory.get(n)!;
  }

  /** By the time that the entry states, or by this clock where that is from its future: nobody's clock makes segments older. */
  #judge({ at, index }: Entry, segment: Verified, what: 'PRUNE' | 'REDACT'): void {
    const then = at < this.#now ? at : this.#now;
    const refusal = this.#retention.refusal(segment, then, what === 'REDACT');
    const of = { entry: index, segment: segment.segment };
    const hold = this.#retention.holdOn(segment, then);
    if (hold) this.#add(`${what}_UNDER_HOLD`, of, { actual: `hold ${hold.id}` });
    if (refusal?.why === 'policy')
      this.#add(`${what}_OUTSIDE_POLICY`, of, {
        expected: `${refusal.until ?? 'never'}, by policy ${refusal.policy}`,
        actual: then,
      });
  }

  #rekey(index: number, entry: Entry): void {
    const reason = this.#parsed(index, () => parseRekey(entry));
    if (reason) this.#find('REKEYED', index, { actual: `the key before was ${reason}` });
  }

  #segment(index: number, entry: Entry): void {
    const segment = this.#parsed(index, () => sealedSegment(entry));
    if (!segment) return;
    const of = { entry: index, segment: segment.segment };
    const number = this.segments.length;
    if (segment.segment !== number)
      this.#add('SEGMENT_NUMBER', of, { expected: number, actual: segment.segment });
    if (segment.first !== this.#records)
      this.#add('SEGMENT_FIRST', of, { expected: this.#records, actual: segment.first });
    // Else a sealer could name an older policy that lets go sooner, and be judged by it.
    const { entry: policy } = this.#retention.newest;
    if (segment.policy !== policy && !this.#isPartial)
      this.#add('SEGMENT_POLICY', of, { expected: policy, actual: segment.policy });
    this.#part(segment, of);
    for (const { name, identity, from, to } of segment.sources) {
      const expected = this.#sources.get(identity) ?? 0;
      if (from !== expected || to < from)
        this.#add(from > expected ? 'SOURCE_GAP' : 'SOURCE_OVERLAP', of, {
          expected: `${name} from byte ${expected}`,
          actual: `${from} to ${to}`,
        });
      this.#sources.set(owned(identity), Math.max(expected, to));
    }
    this.#retry(segment, of);
    this.#rejected.push(segment.rejected?.count ?? 0);
    this.#records = segment.first + segment.records;
    this.inventory.seal(segment);
  }

  /** Each part of an open segment once, and no class in two of them. */
  #part({ batch, class: name, part }: Segment, of: { entry: number; segment: number }): void {
    const { index, of: count } = part ?? { index: 0, of: 1 };
    const id = Buffer.from(batch, 'hex').toString('latin1');
    if (this.#whole.has(id)) return this.#add('SEGMENT_BATCH', of, { actual: batch });
    const known = this.#batches.get(batch);
    if (!known && count === 1) return void this.#whole.add(id);
    if (!known) {
      this.#batches.set(batch, {
        batch: owned(batch),
        of: count,
        parts: new Set([index]),
        classes: new Set([owned(name)]),
        first: of,
      });
      return;
    }
    if (known.of !== count || known.parts.has(index) || known.classes.has(name))
      this.#add('SEGMENT_BATCH', of, { actual: batch });
    known.parts.add(index);
    known.classes.add(name);
  }

  /** Open segments of which a part is not in the log. */
  get unfinished(): SealedBatch[] {
    return [...this.#batches.values()].filter(b => b.parts.size < b.of);
  }

  /** Lines of an earlier segment's quarantine, each once. */
  #retry({ retried }: Segment, of: Pick<Finding, 'entry' | 'segment'>): void {
    for (const { segment, ranges } of retried) {
      const lines = this.#retried.get(segment) ?? new Set<number>();
      this.#retried.set(segment, lines);
      const count = Math.min(this.#rejected[segment] ?? 0, MOST_REJECTED);
      if (ranges.at(-1)![1] > count) {
        this.#add('RETRY_UNKNOWN', of, {
          expected: `at most ${count} lines of segment ${segment}`,
          actual: formatRanges(ranges),
        });
        continue;
      }
      const again = [...numbersOf(ranges)].filter(n => lines.has(n) || !lines.add(n));
      if (again.length > 0)
        this.#add('RETRY_TWICE', of, {
          actual: `line ${formatRanges(rangesOf(again))} of segment ${segment}`,
        });
    }
  }

  #find(code: FindingCode, entry: number, more: Partial<Finding> = {}): void {
    this.#findings.push({ code, entry, ...more });
  }

  #add(
    code: FindingCode,
    of: Pick<Finding, 'entry' | 'segment'>,
    more: { expected?: string | number; actual: string | number },
  ): void {
    const expected = more.expected === undefined ? {} : { expected: String(more.expected) };
    this.#findings.push({ code, ...of, ...expected, actual: String(more.actual) });
  }
}

/** What an entry's signature is claimed to be. */
export interface EntryClaim extends Claim {
  readonly entry: number;
  /** Findings that came before it. */
  readonly before: number;
}

const base64 = (hash: Buffer | undefined): string => hash?.toString('base64') ?? 'none';
