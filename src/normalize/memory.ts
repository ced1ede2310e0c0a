import type { JsonObject } from '../record/json.ts';
import type { Adapter } from './adapter.ts';
import type { Wrapping } from './wrapper.ts';

/** A request whose lines are still coming. */
export interface Gathering {
  readonly adapter: Adapter;
  readonly object: JsonObject;
  readonly wrapping: Wrapping | undefined;
  /** Of the record that is made if nothing more comes: its first line's. */
  readonly eventId: string;
  /** When its first line came, of a live pipe whose lines carry no time. */
  readonly arrived: string | undefined;
  /** Offset of its newest line. */
  readonly at: number;
  /** How many lines it has. */
  readonly lines: number;
  readonly state: 'open' | 'enough';
  /** It was there before this run: whoever read it told of it already. */
  readonly told: boolean;
}

/** Bytes of input after which a request whose end never came is told of as it is. */
export const OPEN_SPAN: number = 16 << 20;
/** The same for one that may be followed by its counts of tokens. */
const ENOUGH_SPAN = 64 << 10;
const MOST = 10_000;

/**
 * The requests of one source whose lines are still coming. What is in it depends on the last OPEN_SPAN bytes of the source alone,
 * so that reading them again restores it.
 */
export class Memory {
  readonly #gathering = new Map<string, Gathering>();

  get(key: string): Gathering | undefined {
    return this.#gathering.get(key);
  }

  set(key: string, value: Gathering): void {
    // The newest stand last.
    this.#gathering.delete(key);
    this.#gathering.set(key, value);
  }

  delete(key: string): void {
    this.#gathering.delete(key);
  }

  /** Lines of what would be lost with this memory. */
  get lines(): number {
    let lines = 0;
    for (const g of this.#gathering.values()) if (!g.told) lines += g.lines;
    return lines;
  }

  /** Takes out what can do without another line; with `all`, everything. */
  rest(which: 'all' | 'enough'): Gathering[] {
    const out = [...this.#gathering].filter(([, g]) => which === 'all' || g.state === 'enough');
    for (const [key] of out) this.#gathering.delete(key);
    return out.map(([, g]) => g).filter(g => !g.told);
  }

  /** Takes out what has waited too long at offset `at`. */
  overdue(at: number): Gathering[] {
    const out: Gathering[] = [];
    let over = this.#gathering.size - MOST;
    for (const [key, g] of this.#gathering) {
      const waited = at - g.at;
      if (waited <= ENOUGH_SPAN && over <= 0) break;
      if (waited <= (g.state === 'open' ? OPEN_SPAN : ENOUGH_SPAN) && over <= 0) continue;
      over--;
      this.#gathering.delete(key);
      if (!g.told) out.push(g);
    }
    return out;
  }

  /** What is in it was told of by the run before. */
  markTold(): void {
    for (const [key, g] of this.#gathering) this.#gathering.set(key, { ...g, told: true });
  }
}
