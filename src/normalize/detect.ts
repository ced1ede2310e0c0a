import type { Adapter } from './adapter.ts';
import { FORMATS } from './formats.ts';
import { type Cut, piecesOf } from './piece.ts';
import { recognize } from './recognize.ts';

/** How many lines have a say. */
const SAMPLE = 200;
/** Share of them, in hundredths, that has to agree. */
const AGREEMENT = 95;
/** Fewer lines can't tell one in twenty: a line that no format knows goes to quarantine by itself then. */
const ENOUGH = 20;

export interface Detection {
  /** Lines of the sample by the format that recognizes them; '' for objects that none does. */
  readonly votes: ReadonlyMap<string, number>;
  /** The format of them all; undefined where they don't agree, or none has been recognized. */
  readonly format: Adapter | undefined;
  /** Lines that were not of the most frequent format, in a sample that can tell: too many for one format. */
  readonly mixed: boolean;
  /** Lines of a sample in which nothing is known, be it noise, and that can tell; else 0. Not a log, or one of no known format. */
  readonly strange: number;
  /** Carriers that cut long lines in pieces were seen: lines depend on those before them. */
  readonly pieces: boolean;
}

/** Scores the first lines of an input. Broken lines, noise and blank ones have no say. */
export class Detector {
  readonly #votes = new Map<string, number>();
  readonly #cut: Cut = new Map();
  #lines = 0;
  #pieces = false;
  #noise = false;
  #strange = 0;

  /** `raw` without its line feed. */
  add(raw: Buffer): void {
    for (const piece of piecesOf(raw, this.#lines++ === 0, this.#cut)) {
      if (piece.kind === 'bad') {
        this.#strange++;
        continue;
      }
      this.#pieces ||= piece.wrapping?.by === 'docker' || piece.wrapping?.by === 'cri';
      const found = recognize(piece);
      this.#noise ||= found === 'not_a_request';
      const name = typeof found === 'object' ? found.adapter.name : piece.kind === 'object' ? '' : undefined;
      if (name === undefined) {
        this.#strange++;
        continue;
      }
      this.#votes.set(name, (this.#votes.get(name) ?? 0) + 1);
      // The requests of a line have one say.
      return;
    }
  }

  get isFull(): boolean {
    return total(this.#votes) >= SAMPLE;
  }

  result(): Detection {
    const known = [...this.#votes].filter(([name]) => name !== '').sort(([, a], [, b]) => b - a);
    const [best, count = 0] = known[0] ?? [];
    const all = total(this.#votes);
    const voting = all < ENOUGH && best !== undefined ? total(new Map(known)) : all;
    const agree = count * 100 >= voting * AGREEMENT;
    return {
      votes: this.#votes,
      format: agree ? FORMATS.find(f => f.name === best) : undefined,
      mixed: !agree && (best !== undefined || all >= ENOUGH),
      strange: all === 0 && !this.#noise && this.#strange >= ENOUGH ? this.#strange : 0,
      pieces: this.#pieces,
    };
  }
}

const total = (votes: ReadonlyMap<string, number>): number =>
  [...votes.values()].reduce((sum, n) => sum + n, 0);
