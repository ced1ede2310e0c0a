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

/** Rows of a list as ROW_FORMAT_OPTION asks for them. */
export const printList = <Name extends string>(
  given: Given,
  context: Context,
  { names, numeric, brief }: Listing<Name>,
  rows: readonly { readonly [N in Name]: Cell | undefined }[],
): Promise<void> =>
  printRows(
    given,
    context,
    {
      columns: names.map(name => ({ name, numeric: numeric.includes(name) })),
      rows: rows.map(row => names.map(name => row[name] ?? null)),
    },
    brief,
  );

interface Rows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

/** The same, of rows that are cells already. */
export async function printRows(
  given: Given,
  { stdout, terminal, width }: Context,
  all: Rows,
  brief: readonly (readonly string[])[] = [],
): Promise<void> {
  const format = listFormat(given, terminal);
  const shown = format === 'table' && width !== undefined ? await fitting(all, brief, width) : all;
  const left = all.columns.length - shown.columns.length;
  const notes = left > 0 ? [`${counted(left, 'column is', 'columns are')} in --json alone`] : [];
  const sink = rowSink(format, printer(stdout), { width, notes });
  await sink.columns(shown.columns);
  await sink.rows(shown.rows);
  await sink.end();
}

async function fitting(all: Rows, brief: readonly (readonly string[])[], width: number): Promise<Rows> {
  const { fitted, MOST } = await import('./fit.ts');
  const isWhole = ({ columns, rows }: Rows): boolean => {
    const { asBlocks, isCut } = fitted(columns, rows.slice(0, MOST), width);
    return !asBlocks && !isCut;
  };
  const less = brief.map(names => only(all, names));
  return [all, ...less].find(isWhole) ?? less.at(-1) ?? all;
}

function only({ columns, rows }: Rows, names: readonly string[]): Rows {
  const places = columns.map((_, i) => i).filter(i => names.includes(columns[i]!.name));
  const of = <T>(list: readonly T[]): readonly T[] => places.map(i => list[i]!);
  return { columns: of(columns), rows: rows.map(of) };
}

export const listFormat = (given: Given, terminal: boolean): RowFormat =>
  (text(given, 'format') ?? (terminal ? 'table' : 'ndjson')) as RowFormat;
