/**
 * What became of a source's lines (SPEC 4): read = those that gave records + rejected + blank + not_a_request + part.
 * Records are counted beside, since a line may give several and several lines one.
 */
export interface Tally {
  readonly read: number;
  readonly records: number;
  readonly rejected: number;
  readonly blank: number;
  /** Of the format, and no request: start-up messages, health probes. */
  readonly not_a_request: number;
  /** Parts of a request that other lines complete. */
  readonly part: number;
}

export type Skip = 'blank' | 'not_a_request' | 'part';

export const TALLY: readonly (keyof Tally)[] = [
  'read',
  'records',
  'rejected',
  'blank',
  'not_a_request',
  'part',
];

export const emptyTally = (): Record<keyof Tally, number> => ({
  read: 0,
  records: 0,
  rejected: 0,
  blank: 0,
  not_a_request: 0,
  part: 0,
});

export function addTally(to: Record<keyof Tally, number>, more: Tally): void {
  for (const name of TALLY) to[name] += more[name];
}

export const skippedOf = ({ blank, not_a_request: noise, part }: Tally): number => blank + noise + part;

/** Does every line have a fate? */
export const addsUp = (tally: Tally): boolean => tally.rejected + skippedOf(tally) <= tally.read;

/** A tally and whose it is. */
export interface SourceTally extends Tally {
  readonly source: string;
}

/** Tallies of one source joined, in the order in which sources first come. */
export function bySource(tallies: Iterable<SourceTally>): SourceTally[] {
  const found = new Map<string, { source: string } & Record<keyof Tally, number>>();
  for (const tally of tallies) {
    const known = found.get(tally.source) ?? { source: tally.source, ...emptyTally() };
    found.set(tally.source, known);
    addTally(known, tally);
  }
  return [...found.values()];
}
