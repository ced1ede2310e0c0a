import type { Row } from '../query/inquiry.ts';

/** A cell of text; nothing where there is none. */
export function textOf(row: Row | undefined, name: string): string {
  const cell = row?.[name];
  return typeof cell === 'string' ? cell : cell === null || cell === undefined ? '' : JSON.stringify(cell);
}

/** A cell of a number; 0 where there is none. */
export const numberOf = (row: Row | undefined, name: string): number => Number(row?.[name] ?? 0);
