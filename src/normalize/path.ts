import type { JsonObject, JsonValue } from '../record/json.ts';

/** Where a member stands: `usage.prompt_tokens` is `prompt_tokens` in `usage`. */
export interface Path {
  readonly above: readonly string[];
  readonly name: string;
}

/** Adapters name a few hundred; a map of a user's, or a name made of a line's, could name any number. */
const MOST_KEPT = 4096;
const kept = new Map<string, Path>();

/** Kept, since an adapter asks for dozens of paths a line, and to cut one takes longer than to follow it. */
export function pathOf(path: string): Path {
  const known = kept.get(path);
  if (known) return known;
  const above = path.split('.');
  const made = { name: above.pop()!, above };
  if (kept.size === MOST_KEPT) kept.clear();
  kept.set(path, made);
  return made;
}

/** The object that these members lead to, if they do. */
export function holderOf(source: JsonObject, above: readonly string[]): JsonObject | undefined {
  let holder: JsonValue | undefined = source;
  for (const name of above) {
    holder = holder.get(name);
    if (!(holder instanceof Map)) return undefined;
  }
  return holder;
}
