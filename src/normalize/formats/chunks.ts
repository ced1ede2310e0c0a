import type { JsonObject, JsonValue } from '../../record/json.ts';

/**
 * Chunks of a streamed chat completion, or completion, folded into the body that would have come at once. Whether a stream
 * was seen from its beginning is known where a delta has a role, which the first one has; of completions it isn't.
 */
export function stateOfChunk(
  source: JsonObject,
): { readonly key: string; readonly state: 'open' | 'enough' | 'last' } | undefined {
  const id = source.get('id');
  if (typeof id !== 'string' || id === '') return undefined;
  if (source.get('object') === 'response') {
    const status = source.get('status');
    return { key: id, state: status === 'in_progress' || status === 'queued' ? 'open' : 'last' };
  }
  const choices = source.get('choices');
  if (!Array.isArray(choices) || !isChunk(source, choices)) return undefined;
  const hasUsage = source.get('usage') instanceof Map;
  const ended =
    choices.length > 0 && choices.every(c => c instanceof Map && typeof c.get('finish_reason') === 'string');
  if (hasUsage && (choices.length === 0 || ended)) return { key: id, state: 'last' };
  return { key: id, state: ended ? 'enough' : 'open' };
}

function isChunk(source: JsonObject, choices: readonly JsonValue[]): boolean {
  if (source.get('object') === 'chat.completion.chunk') return true;
  // A whole completion has a reason to end, or counts; a chunk of one may have neither.
  return (
    source.get('object') === 'text_completion' &&
    !(source.get('usage') instanceof Map) &&
    choices.some(c => c instanceof Map && (c.get('finish_reason') ?? null) === null)
  );
}

export function foldChunk(gathered: JsonObject | undefined, part: JsonObject): JsonObject | undefined {
  if (part.get('object') === 'response') return part;
  if (gathered && begins(part) && gathered.get('begun') === true) return undefined;
  const all: JsonObject = gathered ?? new Map();
  for (const [name, value] of part)
    if (name !== 'choices' && value !== null && !all.has(name)) all.set(name, value);
  if (part.get('usage') instanceof Map) all.set('usage', part.get('usage')!);
  const folded = choicesOf(all);
  const coming = part.get('choices');
  for (const choice of Array.isArray(coming) ? coming : [])
    if (choice instanceof Map) addChoice(folded, choice);
  all.set('choices', [...folded]);
  all.set('begun', folded.length > 0 && folded.every(c => c.get('begun') === true));
  all.set('stream', true);
  return all;
}

/** UTF-16 units of an answer that are gathered. */
const MOST_TEXT = 4 << 20;
const MOST_CHOICES = 128;
/** UTF-16 units of a call's name or arguments. */
const MOST_ARGUMENTS = 1 << 20;

/** A role, and nothing said yet. */
function begins(part: JsonObject): boolean {
  const choices = part.get('choices');
  const first = Array.isArray(choices) && choices.length === 1 ? choices[0] : undefined;
  const delta = first instanceof Map ? first.get('delta') : undefined;
  return (
    delta instanceof Map &&
    typeof delta.get('role') === 'string' &&
    (delta.get('content') ?? '') === '' &&
    first instanceof Map &&
    (first.get('index') ?? 0) === 0
  );
}

function choicesOf(all: JsonObject): JsonObject[] {
  const known = all.get('choices');
  return Array.isArray(known) ? known.filter(c => c instanceof Map) : [];
}

function addChoice(folded: JsonObject[], choice: JsonObject): void {
  const index = choice.get('index') ?? 0;
  let own = folded.find(c => c.get('index') === index);
  if (!own && folded.length >= MOST_CHOICES) return;
  if (!own) {
    own = new Map<string, JsonValue>([
      ['index', index],
      ['message', new Map<string, JsonValue>()],
    ]);
    folded.push(own);
  }
  const message = own.get('message') as JsonObject;
  const delta = choice.get('delta');
  if (delta instanceof Map) addDelta(own, message, delta);
  const reason = choice.get('finish_reason');
  if (typeof reason === 'string') own.set('finish_reason', reason);
}

function addDelta(own: JsonObject, message: JsonObject, delta: JsonObject): void {
  const role = delta.get('role');
  if (typeof role === 'string') {
    message.set('role', role);
    // SGLang and others repeat the role: only one that nothing stands before begins.
    if (!message.has('content') && !own.has('begun')) own.set('begun', true);
  }
  const content = delta.get('content');
  if (typeof content === 'string') message.set('content', textOf(message.get('content')) + content);
  // Whoever streams without end is not gathered without end: such an answer has no hash.
  if (textOf(message.get('content')).length > MOST_TEXT) {
    message.set('content', '');
    own.set('begun', false);
  }
  const calls = delta.get('tool_calls');
  if (Array.isArray(calls)) message.set('tool_calls', withCalls(message.get('tool_calls'), calls));
}

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

/** Arguments of a call come in pieces, told apart by index. */
function withCalls(known: JsonValue | undefined, coming: readonly JsonValue[]): JsonValue[] {
  const calls: JsonValue[] = Array.isArray(known) ? known : [];
  for (const call of coming) {
    const given = call instanceof Map ? call.get('function') : undefined;
    if (!(call instanceof Map) || !(given instanceof Map)) continue;
    const at = call.get('index');
    const index = typeof at === 'number' && at >= 0 && at < 1000 ? at : calls.length;
    while (calls.length <= index) calls.push(new Map([['function', new Map<string, JsonValue>()]]));
    const own = (calls[index] as JsonObject).get('function') as JsonObject;
    for (const name of ['name', 'arguments'])
      if (typeof given.get(name) === 'string' && textOf(own.get(name)).length < MOST_ARGUMENTS)
        own.set(name, textOf(own.get(name)) + textOf(given.get(name)));
  }
  return calls;
}
