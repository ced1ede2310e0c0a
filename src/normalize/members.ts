import { bytesOf, placeOf } from '../record/assembled.ts';
import { type ColumnName, COLUMNS } from '../record/schema.ts';
import { LIMITS } from './draft.ts';
import { KeptTexts } from './kept.ts';
import type { NormalizerOptions } from './normalize.ts';

/** A member of a flat line. */
export interface Member {
  readonly column: ColumnName;
  readonly place: number;
  readonly kind: 'text' | 'count' | 'flag' | 'time' | 'prompt' | 'completion';
  /** `"name":` */
  readonly label: Uint8Array;
  readonly least: number;
  readonly most: number;
  readonly kept: KeptTexts;
  /** What stood behind it the last time. */
  next: Member | undefined;
}

/** The members that a flat line may have. */
export function membersOf(options: NormalizerOptions): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>();
  const add = (name: string, column: ColumnName, kind: Member['kind'], least = 0, most = 0): void => {
    members.set(name, {
      column,
      place: placeOf(column),
      kind,
      label: bytesOf(`"${name}":`),
      least,
      most,
      kept: new KeptTexts(column, options),
      next: undefined,
    });
  };
  for (const { name, type, own, min } of COLUMNS) {
    if (own) continue;
    if (type === 'text') add(name, name, 'text');
    else if (type === 'bool') add(name, name, 'flag');
    else if (type === 'int16' || type === 'int32' || type === 'int64')
      add(name, name, 'count', min, LIMITS[type]);
  }
  add('ts', 'ts', 'time');
  add('messages', 'prompt_hash', 'prompt');
  add('completion', 'completion_hash', 'completion');
  return members;
}

/** Remembering texts of these columns is in vain. */
export const isEachAnother = (column: ColumnName): boolean =>
  column === 'request_id' || column === 'trace_id';
