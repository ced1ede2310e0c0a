import { type ColumnName, COLUMNS } from '../../record/schema.ts';
import type { Draft } from '../draft.ts';

/** Columns that our own exports keep under our names where the other schema has no field for them. */
const OWN: readonly ColumnName[] = COLUMNS.filter(c => !c.own && c.name !== 'ts' && c.name !== 'extra').map(
  c => c.name,
);

/** All that an adapter that calls readOwn() can fill. */
export const OWN_FILLS: readonly ColumnName[] = OWN.filter(
  name => !['event_type', 'status', 'usage_source'].includes(name),
);

/** Reads an export of ours: columns in `holder` that nothing else has filled. */
export function readOwn(draft: Draft, holder: string): void {
  draft.unfold(`${holder}.extra`);
  for (const name of OWN) draft.column(name, `${holder}.${name}`);
  const { record } = draft;
  if (record.prompt_hash ?? record.completion_hash ?? record.last_user_hash) record.hash_alg ??= 'source';
}
