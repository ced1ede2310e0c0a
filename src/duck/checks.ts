import { COLUMNS, REDACTED_LEAF, SCHEMA_VERSION } from '../record/schema.ts';

/** The row checks of SPEC 5: what is found in a row, a bit each. */
export const ROW = { redacted: 1, incomplete: 2, foreign: 4, kept: 8, noLeaf: 16 } as const;

const LEAF = `"${REDACTED_LEAF}"`;

// A time without end has no microseconds, and is none.
const lacks = ({ name, type }: (typeof COLUMNS)[number]): string =>
  type === 'ts' ? `epoch_us("${name}") IS NULL` : `"${name}" IS NULL`;
const LACKS = COLUMNS.filter(c => c.always).map(lacks);
const SAYS = COLUMNS.map(c => `"${c.name}" IS NOT NULL`);

const FOUND = {
  redacted: `${LEAF} IS NOT NULL`,
  incomplete: `${LEAF} IS NULL AND (${LACKS.join(' OR ')})`,
  foreign: `v <> ${SCHEMA_VERSION}`,
  kept: `${LEAF} IS NOT NULL AND (${SAYS.join(' OR ')})`,
  noLeaf: `octet_length(${LEAF}) <> 32`,
} as const;

/** Of one row, as UTINYINT. */
export const ROW_BITS: string = `(${Object.entries(FOUND)
  .map(([what, sql]) => `CASE WHEN ${sql} THEN ${ROW[what as keyof typeof ROW]} ELSE 0 END`)
  .join(' + ')})::UTINYINT`;

export const NO_LEAF = 'what stands for a redacted row is no leaf hash';

/** Rows that are neither whole records nor nothing but a leaf hash. */
export class RowProblems {
  #incomplete = 0;
  #foreign = 0;
  #kept = 0;

  add(bits: number): void {
    if ((bits & ROW.incomplete) !== 0) this.#incomplete++;
    if ((bits & ROW.foreign) !== 0) this.#foreign++;
    if ((bits & ROW.kept) !== 0) this.#kept++;
  }

  /** In words. */
  get all(): string[] {
    return [
      ...count(this.#incomplete, 'lack a column that every record has'),
      ...count(this.#foreign, 'are of another schema version'),
      ...count(this.#kept, 'are redacted and say something still'),
    ];
  }
}

const count = (n: number, what: string): string[] => (n > 0 ? [`${n} rows ${what}`] : []);
