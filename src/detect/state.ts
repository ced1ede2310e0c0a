import { hash } from 'node:crypto';
import { join } from 'node:path';
import { AuditError } from '../errors.ts';
import { microsOf } from '../record/time.ts';
import { makeFolder } from '../store/durable.ts';
import { type Lock, takeLock } from '../store/lock.ts';
import type { Found } from './detect.ts';
import type { Again, Episode } from './episode.ts';
import { eventId, tellingOf } from './event.ts';
import { Journal } from './journal.ts';

/** An episode that was told of. */
interface Told {
  readonly id: string;
  /** Hash of rule and entity. */
  readonly who: string;
  readonly from: string;
  to: string;
  /** How many it had when this telling of it was due. Not known of those that an older slmaudit told. */
  hits?: number | undefined;
  again?: Again | undefined;
  /** Was this telling shown? */
  shown: boolean;
  /** Keys of the targets that have accepted it. */
  readonly sent: Set<string>;
}

type Line =
  | { readonly form: string; readonly origin: string }
  | { readonly told: Omit<Told, 'sent'> & { readonly sent?: readonly string[] } }
  | { readonly pending: { readonly target: string; readonly id: string; readonly event: string } }
  | { readonly accepted: { readonly target: string; readonly id: string } };

const FORM = 'slmaudit-detect/1';
/**
 * An episode is told again once it has so many times the hits that it had, of ten at least: a hundred, a thousand, and so on. Who looked at
 * twelve and let it be has to hear of twelve hundred; one that goes on as it began is heard of four or five times in all, however long.
 */
const GROWN = 10;
const LEAST_HITS = 10;
/**
 * Episodes that are remembered: more than forty rules with as many as are told of one; what is forgotten would come again. Alerts that
 * wait for a target; beyond, the oldest go.
 */
const MOST_TOLD = 400_000;
const MOST_PENDING = 10_000;

/**
 * What has been shown and sent of a log's episodes, and what waits to be accepted. A journal outside the store, one a log: whatever is
 * damaged in it, alerts come twice rather than never.
 */
export class State {
  readonly #journal: Journal;
  readonly #lock: Lock;
  readonly #origin: string;
  readonly #told = new Map<string, Told>();
  readonly #byWho = new Map<string, Told[]>();
  /** By target, then by id. */
  readonly #pending = new Map<string, Map<string, string>>();
  /** For people: what was wrong with the file. */
  readonly damage: string | undefined;
  /** Alerts that were given up because too many wait. */
  dropped = 0;

  private constructor(journal: Journal, lock: Lock, origin: string) {
    this.#journal = journal;
    this.#lock = lock;
    this.#origin = origin;
    const { values, damaged, isCut } = journal.read();
    for (const value of values) this.#take(value as Line);
    if (damaged.length > 0) {
      // What was told or accepted may stand in the lines that are lost.
      for (const told of this.#told.values()) {
        told.shown = false;
        told.sent.clear();
      }
      this.damage = `what was told before is not known any more: line ${damaged.slice(0, 3).join(', ')} of ${journal.path} is damaged. Alerts may come twice`;
    }
    if (values.length === 0 || damaged.length > 0 || isCut) this.#journal.replace([...this.#lines()]);
  }

  /** Throws LOCKED (75), STATE_NEWER, and what the system throws. */
  static async open(folder: string, origin: string): Promise<State> {
    makeFolder(folder, 0o700);
    const path = join(folder, hash('sha256', origin).slice(0, 32));
    const lock = await takeLock(`${path}.lock`, 0, `what \`detect\` remembers of ${origin}`);
    try {
      return new State(new Journal(path), lock, origin);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  close(): void {
    this.#lock.release();
  }

  #take(line: Line): void {
    if ('form' in line) {
      if (line.form !== FORM)
        throw new AuditError('STATE_NEWER', `${this.#journal.path} was written by a newer slmaudit`, {
          hint: 'update slmaudit, or remove that file: then alerts come once more',
        });
    } else if ('told' in line) {
      const { sent = [], ...told } = line.told;
      const old = this.#told.get(told.id);
      const isSame = old?.again?.telling === told.again?.telling;
      this.#put({ ...told, sent: new Set([...((isSame && old?.sent) || []), ...sent]) });
    } else if ('pending' in line) this.#wait(line.pending.target, line.pending.id, line.pending.event);
    else {
      const { target, id: event } = line.accepted;
      const { id, telling } = tellingOf(event);
      const told = this.#told.get(id);
      if (telling === (told?.again?.telling ?? 1)) told?.sent.add(target);
      this.#pending.get(target)?.delete(event);
    }
  }

  #put(told: Told): void {
    const old = this.#told.get(told.id);
    this.#told.set(told.id, told);
    const others = this.#byWho.get(told.who)?.filter(t => t !== old) ?? [];
    this.#byWho.set(told.who, [...others, told]);
  }

  #wait(target: string, id: string, event: string): void {
    const waiting = this.#pending.get(target) ?? new Map<string, string>();
    this.#pending.set(target, waiting.set(id, event));
  }

  /**
   * The episode of the same rule and entity that this one goes on, whatever it is called: where older records are not read any more,
   * or came later, its first hit is another. Where it has grown tenfold since it was told, another telling of it is due.
   */
  known(
    found: Pick<Found, 'compiled' | 'entity' | 'firstHit' | 'to' | 'id' | 'hits'>,
  ): { readonly id: string; readonly shown: boolean; readonly again?: Again | undefined } | undefined {
    const { episode, suppress } = found.compiled.rule.options;
    const near = Math.max(episode, suppress) * 1_000_000;
    const [first, last] = [microsOf(found.firstHit), microsOf(found.to)];
    const same = this.#byWho
      .get(whoOf(found.compiled.rule.id, found.entity))
      ?.find(t => t.id === found.id || (first <= microsOf(t.to) + near && last >= microsOf(t.from)));
    if (!same) return undefined;
    if (same.to < found.to) same.to = found.to;
    same.hits ??= found.hits;
    const wasTold = same.shown || same.sent.size > 0;
    if (wasTold && found.hits >= GROWN * Math.max(same.hits, LEAST_HITS)) {
      same.again = { telling: (same.again?.telling ?? 1) + 1, before: same.hits };
      same.hits = found.hits;
      same.shown = false;
      same.sent.clear();
    }
    return same;
  }

  /** Says that these are to be sent, before anything is: whatever happens next, they will be. */
  promise(target: string, episodes: readonly Episode[], eventOf: (episode: Episode) => string): void {
    const lines: Line[] = [];
    for (const episode of episodes) {
      const told = this.#told.get(episode.id);
      const id = eventId(episode);
      if (told?.sent.has(target) || this.#pending.get(target)?.has(id)) continue;
      const event = eventOf(episode);
      if (!told || episode.again) lines.push(this.#tell(episode, told?.shown ?? false));
      this.#wait(target, id, event);
      lines.push({ pending: { target, id, event } });
    }
    this.#journal.add(lines);
  }

  /** Says that these were shown. */
  shown(episodes: readonly Episode[]): void {
    this.#journal.add(episodes.map(episode => this.#tell(episode, true)));
  }

  #tell({ id, firstHit, to, hits, rule, entity, again }: Episode, shown: boolean): Line {
    const old = this.#told.get(id);
    const told = {
      id,
      who: whoOf(rule.id, Object.values(entity)),
      from: old?.from ?? firstHit,
      to,
      hits: old?.hits ?? hits,
      ...(again && { again }),
      shown,
    };
    this.#put({ ...told, sent: old?.sent ?? new Set() });
    return { told };
  }

  /** What waits for a target, the oldest first. */
  waiting(target: string): readonly (readonly [id: string, event: string])[] {
    return [...(this.#pending.get(target) ?? [])];
  }

  /** How many alerts wait for others than these: a webhook that has another name now is another one. */
  waitingElsewhere(targets: readonly string[]): number {
    return [...this.#pending].reduce(
      (n, [key, waiting]) => (targets.includes(key) ? n : n + waiting.size),
      0,
    );
  }

  accepted(target: string, id: string): void {
    const line: Line = { accepted: { target, id } };
    this.#take(line);
    this.#journal.add([line]);
  }

  /** Forgets what the store can't bring forth any more: what ended before `oldest`, its first record. Writes the rest anew. */
  tidy(oldest: string | undefined): void {
    const kept = [...this.#told.values()]
      .filter(t => oldest === undefined || t.to >= oldest)
      .sort((a, b) => (a.to < b.to ? 1 : -1))
      .slice(0, MOST_TOLD);
    this.#told.clear();
    this.#byWho.clear();
    for (const told of kept.toReversed()) this.#put(told);
    for (const waiting of this.#pending.values())
      for (const id of [...waiting.keys()].slice(0, Math.max(0, waiting.size - MOST_PENDING))) {
        waiting.delete(id);
        this.dropped++;
      }
    this.#journal.replace([...this.#lines()]);
  }

  *#lines(): Generator<Line> {
    yield { form: FORM, origin: this.#origin };
    for (const { sent, ...told } of this.#told.values()) yield { told: { ...told, sent: [...sent] } };
    for (const [target, waiting] of this.#pending)
      for (const [id, event] of waiting) yield { pending: { target, id, event } };
  }
}

const whoOf = (rule: string, entity: readonly (string | null)[]): string =>
  hash('sha256', JSON.stringify([rule, ...entity])).slice(0, 16);
