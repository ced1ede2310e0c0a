import type { Cell } from '../../duck/job.ts';
import { type Context, type Given, text } from '../command.ts';
import { printer, type RowFormat, rowSink } from './rows.ts';

/** Rows of a list as ROW_FORMAT_OPTION asks for them. `numeric`: the columns of numbers. */
export async function printList<Name extends string>(
  given: Given,
  { stdout, terminal, width }: Context,
  { names, numeric }: { readonly names: readonly Name[]; readonly numeric: readonly Name[] },
  rows: readonly { readonly [N in Name]: Cell | undefined }[],
): Promise<void> {
  const sink = rowSink(listFormat(given, terminal), printer(stdout), { width });
  await sink.columns(names.map(name => ({ name, numeric: numeric.includes(name) })));
  await sink.rows(rows.map(row => names.map(name => row[name] ?? null)));
  await sink.end();
}

export const listFormat = (given: Given, terminal: boolean): RowFormat =>
  (text(given, 'format') ?? (terminal ? 'table' : 'ndjson')) as RowFormat;
