import type { JsonObject, JsonValue } from '../../record/json.ts';

/** What a path of an inference server asks for; undefined for one that is none. */
export function operationOfPath(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  if (/\/(?:chat\/completions|responses|messages|api\/chat|chat)$/.test(path)) return 'chat';
  if (/\/(?:completions?|api\/generate|generate(?:_stream)?|infill)$/.test(path)) return 'completion';
  if (/\/(?:embeddings?|api\/embed)$/.test(path)) return 'embedding';
  return /\/re-?rank$/.test(path) ? 'rerank' : undefined;
}

/** `192.0.2.7:50022`, `[2001:db8::7]:50022` and the first of `192.0.2.7, 10.0.0.1`, as an address alone. */
export function addressOf(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const first = value.slice(0, 256).split(',', 1)[0]!.trim();
  return (
    /^\[([^\]]+)\](?::\d+)?$/.exec(first)?.[1] ?? /^([\d.]+):\d+$/.exec(first)?.[1] ?? (first || undefined)
  );
}

/** Members whose names hold dots (`gen_ai.request.model`) as objects in objects. A name that is taken stays as it is. */
export function unflatten(source: JsonObject): void {
  for (const [name, value] of source) {
    if (!name.includes('.')) continue;
    const steps = name.split('.');
    const last = steps.pop()!;
    let at: JsonValue | undefined = source;
    for (const step of steps) {
      if (!(at instanceof Map)) break;
      if (!at.has(step)) at.set(step, new Map());
      at = at.get(step);
    }
    if (!(at instanceof Map) || at.has(last)) continue;
    source.delete(name);
    at.set(last, value);
  }
}
