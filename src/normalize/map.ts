import { formatJson, type JsonObject, type JsonValue } from '../record/json.ts';
import type { ColumnName } from '../record/schema.ts';
import { readEpoch } from '../record/time.ts';
import type { Adapter } from './adapter.ts';
import type { Draft } from './draft.ts';
import type { Scalar } from '../record/yaml.ts';

/** A format that somebody described in a file (SPEC 7): what `--map` reads, checked. Paths are dotted. */
export interface MapSpec {
  readonly name: string;
  /** Of text: named groups are the members. */
  readonly pattern?: string;
  /** What a line must have to be of the format; `true` for any value. */
  readonly match?: Readonly<Record<string, Scalar>>;
  /** A line that has one of these records no request. */
  readonly skip?: Readonly<Record<string, Scalar>>;
  readonly time: {
    readonly paths: readonly string[];
    readonly unit?: Unit;
    /** Written when the request was over: it began its latency earlier. */
    readonly end?: boolean;
  };
  readonly columns: Readonly<Partial<Record<ColumnName, ColumnRule>>>;
  /** Hashed and dropped. */
  readonly prompt?: readonly string[];
  readonly completion?: readonly string[];
  /** Keys themselves: their keyed hash becomes api_key_id. */
  readonly api_key?: readonly string[];
  /** Content and secrets: gone, and counted. */
  readonly drop?: readonly string[];
  /** What says nothing: gone. */
  readonly ignore?: readonly string[];
}

export type Unit = 's' | 'ms' | 'us' | 'ns';

export interface ColumnRule {
  readonly paths?: readonly string[];
  /** A constant, if no path has one. */
  readonly value?: Scalar;
  readonly unit?: Unit;
  /** What the source's values mean; one that isn't here stays in `extra`, or becomes `else`. */
  readonly values?: Readonly<Record<string, Scalar>>;
  readonly else?: Scalar;
}

const MICROS: Readonly<Record<Unit, number>> = { s: 1_000_000, ms: 1000, us: 1, ns: 0.001 };
/** A person's pattern may be slow on a hostile line: none longer than this is tried. */
const MAX_TEXT = 64 << 10;

/** An adapter from a description. */
export function adapterOfMap(spec: MapSpec): Adapter {
  const pattern = spec.pattern === undefined ? undefined : new RegExp(spec.pattern, 'su');
  return {
    name: `map:${spec.name}`,
    about: 'a format of your own',
    basis: 'documented',
    example: '',
    fills: Object.keys(spec.columns) as ColumnName[],
    ...(pattern && {
      fields: text => {
        const groups = text.length > MAX_TEXT ? undefined : pattern.exec(text)?.groups;
        if (!groups) return undefined;
        const members = Object.entries(groups).filter(([, v]) => typeof v === 'string');
        return new Map<string, JsonValue>(members);
      },
    }),
    ...(!pattern && { recognizes: source => has(source, spec.match), strict: spec.match !== undefined }),
    read: draft => readMapped(draft, spec),
  };
}

function readMapped(draft: Draft, spec: MapSpec): 'not_a_request' | void {
  const { source } = draft;
  if (spec.skip && Object.entries(spec.skip).some(([path, v]) => isAt(source, path, v)))
    return 'not_a_request';
  for (const [name, rule] of Object.entries(spec.columns) as [ColumnName, ColumnRule][])
    readColumn(draft, name, rule);
  const { paths, unit, end } = spec.time;
  if (unit !== undefined) for (const path of paths) rewriteTime(draft, path, unit);
  if (end === true) draft.endTime(...paths);
  else draft.time(...paths);
  for (const path of spec.api_key ?? []) draft.apiKey(path);
  draft.prompt(...(spec.prompt ?? []));
  draft.completion(...(spec.completion ?? []));
  draft.drop(...(spec.drop ?? []));
  draft.ignore(...(spec.ignore ?? []));
  draft.statusFromHttp();
  return undefined;
}

function readColumn(draft: Draft, name: ColumnName, rule: ColumnRule): void {
  for (const path of rule.paths ?? []) {
    if (draft.record[name] !== undefined) break;
    if (rule.unit !== undefined) draft.duration(name as 'latency_us', MICROS[rule.unit], path);
    else if (rule.values) translate(draft, name, path, rule);
    else draft.column(name, path);
  }
  if (draft.record[name] === undefined && rule.value !== undefined) draft.constant(name, rule.value);
}

function translate(draft: Draft, name: ColumnName, path: string, { values, else: other }: ColumnRule): void {
  const found = draft.peek(path);
  if (found === undefined || found === null) return;
  const key = typeof found === 'string' ? found : formatJson(found);
  const meant = Object.hasOwn(values!, key) ? values![key] : other;
  if (meant === undefined || !draft.constant(name, meant)) return;
  // What became `else` is told by nothing but itself: it stays.
  if (Object.hasOwn(values!, key)) draft.take(path);
}

/** A number of a stated unit as a time that says itself what it is. */
function rewriteTime(draft: Draft, path: string, unit: Unit): void {
  const value = draft.peek(path);
  if (value === undefined) return;
  const ts = readEpoch(value, unit);
  if (ts !== undefined) draft.replace(path, ts);
}

function has(source: JsonObject, match: MapSpec['match']): boolean {
  return Object.entries(match ?? {}).every(([path, value]) => isAt(source, path, value));
}

function isAt(source: JsonObject, path: string, value: Scalar): boolean {
  let found: JsonValue | undefined = source;
  for (const step of path.split('.')) found = found instanceof Map ? found.get(step) : undefined;
  if (found === undefined || found === null) return false;
  return value === true ? found !== false : found === value;
}
