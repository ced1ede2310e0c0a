import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FORMAT_NAMES } from '../../src/normalize/names.ts';
import { readHistory } from '../../src/store/history.ts';
import { type RecordKey, readRecordKeys } from '../../src/store/keys.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sealedLines } from '../../src/quarantine/quarantine.ts';
import type { Planted } from '../secrets.ts';
import type { Sandbox } from '../sandbox.ts';
import { sealedRows } from '../parquet.ts';

export const linesOf = (format: string): string[] =>
  readFileSync(`fixtures/formats/${format}.log`, 'utf8').split('\n').slice(0, -1);

/** `text` in every kind of place that a line of JSON has, one line each. */
function inObject(line: string, text: string, nth: number): string[] {
  const fresh = (): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;
  const places: Record<string, unknown>[] = [
    { ...fresh(), note_7: text },
    { ...fresh(), meta_7: { deep: { note: `see ${text} there` } } },
    { ...fresh(), list_7: ['a', text, { b: text }] },
    { ...fresh(), json_7: JSON.stringify({ inner: text }) },
    { ...fresh(), [`name ${text}`]: 1 },
    { ...fresh(), url_7: `https://example.com/x?a=1&token=${encodeURIComponent(text)}` },
    { ...fresh(), prompt: `my key is ${text}`, messages: [{ role: 'user', content: text }] },
    { ...fresh(), labels: { team: 'x', note: text } },
  ];
  const changed = fresh();
  const leaves = stringLeaves(changed);
  // In place of what is there, and behind it: a column may take the one and not the other.
  for (const [i, form] of [(): string => text, (was: string): string => `${was} ${text}`].entries()) {
    const other = fresh();
    const leaf = stringLeaves(other)[(nth + i) % Math.max(1, leaves.length)];
    leaf?.put(form(leaf.was));
    places.push(other);
  }
  return places.map(p => JSON.stringify(p));
}

interface Leaf {
  readonly was: string;
  readonly put: (text: string) => void;
}

function stringLeaves(at: Record<string, unknown> | unknown[]): Leaf[] {
  return Object.entries(at).flatMap(([name, value]): Leaf[] => {
    if (typeof value === 'object' && value !== null) return stringLeaves(value as Record<string, unknown>);
    if (typeof value !== 'string') return [];
    return [{ was: value, put: text => void ((at as Record<string, unknown>)[name] = text) }];
  });
}

function inText(line: string, text: string, nth: number): string[] {
  const words = line.split(' ');
  return [`${line} ${text}`, words.with(nth % words.length, text).join(' '), `${text} ${line}`];
}

/** Lines of every format with each secret in every kind of place, whole and broken. */
export function plantedLines(secrets: readonly Planted[]): string[] {
  const lines: string[] = [];
  for (const format of FORMAT_NAMES) {
    const own = linesOf(format);
    for (const [i, { text }] of secrets.entries()) {
      const line = own[i % own.length]!;
      const isJson = line.startsWith('{') && isObject(line);
      const whole = isJson ? inObject(line, text, i) : inText(line, text, i);
      const broken = whole[i % whole.length]!;
      lines.push(
        ...whole,
        broken.slice(0, broken.indexOf(text.slice(0, 8)) + text.length + 20),
        `${text} ${i}`,
      );
    }
  }
  return lines.map(line => line.replaceAll('\n', ' '));
}

function isObject(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

/** Everything a store and its surroundings hold, as text, by where it stands. */
export async function everything(box: Sandbox): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of filesUnder(box.folder)) found.set(path, readFileSync(path, 'latin1'));
  const rows = await sealedRows(box.store);
  found.set('parquet, by hyparquet', rows.map(row => Object.values(row).map(textOf).join('\n')).join('\n'));
  const query = await box.run(['query', 'select * from records', '--format', 'ndjson']);
  found.set('records, by DuckDB', query.stdout);
  const { store, keys } = opened(box);
  const rejected = readHistory(store.at).segments.flatMap(s => [...sealedLines(store, s, new Map())]);
  found.set('quarantine, decrypted', rejected.map(r => r.open(keys).toString('latin1')).join('\n'));
  return found;
}

function opened(box: Sandbox): { store: Store; keys: RecordKey[] } {
  const store = openStore(box.store, box.keys);
  return { store, keys: readRecordKeys(store.keys) };
}

const textOf = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);

function* filesUnder(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}
