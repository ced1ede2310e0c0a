import type { Cell, ResultColumn } from '../../duck/job.ts';
import { type Context, type Given, text } from '../command.ts';
import { counted } from '../values.ts';
import { printer, type RowFormat, rowSink } from './rows.ts';

/** What a list has, and what a table may leave out. */
export interface Listing<Name extends string> {
  readonly names: readonly Name[];
  /** The columns of numbers. */
  readonly numeric: readonly Name[];
  /**
   * What a table has where a terminal has no room for all of it, the most first: the first of them counts that fits with whole texts, or
   * the last. Machines have all.
   */
  readonly brief?: readonly (readonly Name[])[];
}

type Rows<Name extends string> = readonly { readonly [N in Name]: Cell | undefined }[];

/** Rows of a list as ROW_FORMAT_OPTION asks for them. */
export async function printList<Name extends string>(
  given: Given,
  { stdout, terminal, width }: Context,
  listing: Listing<Name>,
  rows: Rows<Name>,
): Promise<void> {
  const format = listFormat(given, terminal);
  const shown =
    format === 'table' && width !== undefined ? await fitting(listing, rows, width) : listing.names;
  const left = listing.names.length - shown.length;
  const notes = left > 0 ? [`${counted(left, 'column is', 'columns are')} in --json alone`] : [];
  const sink = rowSink(format, printer(stdout), { width, notes });
  await sink.columns(columnsOf(shown, listing));
  await sink.rows(cellsOf(shown, rows));
  await sink.end();
}

async function fitting<Name extends string>(
  listing: Listing<Name>,
  rows: Rows<Name>,
  width: number,
): Promise<readonly Name[]> {
  const { names, brief = [] } = listing;
  const { fitted } = await import('./fit.ts');
  const isWhole = (some: readonly Name[]): boolean => {
    const { asBlocks, isCut } = fitted(columnsOf(some, listing), cellsOf(some, rows), width);
    return !asBlocks && !isCut;
  };
  return [names, ...brief].find(isWhole) ?? brief.at(-1) ?? names;
}

const columnsOf = <Name extends string>(
  names: readonly Name[],
  { numeric }: Listing<Name>,
): readonly ResultColumn[] => names.map(name => ({ name, numeric: numeric.includes(name) }));

const cellsOf = <Name extends string>(
  names: readonly Name[],
  rows: Rows<Name>,
): readonly (readonly Cell[])[] => rows.map(row => names.map(name => row[name] ?? null));

export const listFormat = (given: Given, terminal: boolean): RowFormat =>
  (text(given, 'format') ?? (terminal ? 'table' : 'ndjson')) as RowFormat;
