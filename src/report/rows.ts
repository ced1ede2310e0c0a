import type { Cell } from '../duck/job.ts';
import type { Row } from '../query/inquiry.ts';

/** Cells of an answer as what they are known to be. */

/** 0 for NULL. */
export const numberOf = (row: Row | undefined, name: string): number => numberIn(row?.[name]) ?? 0;

export function numberIn(cell: Cell | undefined): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}

export const textIn = (cell: Cell | undefined): string | null =>
  cell === null || cell === undefined ? null : typeof cell === 'string' ? cell : JSON.stringify(cell);

/** Empty for NULL. */
export const textOf = (row: Row | undefined, name: string): string => textIn(row?.[name]) ?? '';
