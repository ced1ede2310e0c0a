import { type ColumnName, COLUMNS } from '../../record/schema.ts';
import type { Adapter } from '../adapter.ts';
import { unfolded } from '../draft.ts';

/** Columns that are taken as they are named. */
const TAKEN: ReadonlyMap<string, ColumnName> = new Map(
  COLUMNS.filter(c => !c.own && c.name !== 'ts' && c.name !== 'extra').map(c => [c.name, c.name]),
);

const DERIVED: ReadonlySet<string> = new Set(['usage_source', 'extra']);

/** Any object with `ts` and columns of the schema under their names; exported lines are of this format. */
export const native: Adapter = {
  name: 'native',
  about: 'objects with `ts` and any columns of the audit schema',
  basis: 'seen',
  example: '{"ts":"2026-05-01T00:00:07.603Z","user_id":"ana","model":"qwen3","output_tokens":12}',
  fills: COLUMNS.filter(c => !c.own && !c.always && !DERIVED.has(c.name)).map(c => c.name),
  recognizes: source => source.has('ts'),
  read(draft) {
    draft.time('ts');
    const { record, source } = draft;
    for (const name of source.keys()) {
      const column = TAKEN.get(name);
      if (column) draft.column(column, name);
    }
    draft.apiKey('api_key');
    if (record.prompt_hash ?? record.completion_hash ?? record.last_user_hash) record.hash_alg = 'source';
    else {
      draft.prompt('messages', 'prompt');
      draft.completion('completion', 'response');
    }
    const extra = unfolded(source.get('extra') ?? null);
    if (!(extra instanceof Map)) return;
    source.delete('extra');
    for (const [name, value] of extra) if (!source.has(name)) source.set(name, value);
  },
};
