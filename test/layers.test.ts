import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** ARCHITECTURE.md, floors: a file imports from floors below its own, or from its own folder. */
const FLOORS: readonly (readonly string[])[] = [
  ['record', 'note', 'merkle', 'keys', 'log', 'stats'],
  ['store', 'duck'],
  [
    'init',
    'ingest',
    'normalize',
    'seal',
    'verify',
    'query',
    'search',
    'export',
    'status',
    'map',
    'quarantine',
    'hash',
    'prove',
    'coverage',
    'report',
    'pack',
    'custody',
    'compact',
    'prune',
    'redact',
    'config',
    'policy',
    'hold',
    'anomaly',
    'door',
    'detect',
    'rules',
  ],
  ['cli'],
];
/** Folders of one floor that may use each other: the pure core, and the verbs whose domain says so. */
const PAIRS = new Set([
  'ingest>normalize',
  'ingest>seal',
  'map>normalize',
  'hash>normalize',
  'quarantine>normalize',
  'quarantine>seal',
  'custody>seal',
  'policy>seal',
  'hold>seal',
  'hold>query',
  'query>normalize',
  'query>quarantine',
  'search>query',
  'report>query',
  'report>door',
  'config>query',
  'export>query',
  'compact>seal',
  'compact>verify',
  'prune>compact',
  'prune>verify',
  'redact>compact',
  'redact>query',
  'redact>quarantine',
  'export>search',
  'coverage>query',
  'pack>coverage',
  'pack>prove',
  'pack>quarantine',
  'pack>query',
  'pack>verify',
  'anomaly>query',
  'anomaly>door',
  'anomaly>report',
  'door>query',
  'detect>door',
  'detect>query',
  'detect>rules',
  'duck>store',
]);
const PURE = FLOORS[0]!;
const EFFECTS = /^node:(?!crypto$|buffer$)/;
const AMBIENT = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.|\bperformance\./;

const SRC = join(process.cwd(), 'src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map(name => name.replaceAll('\\', '/'))
  .filter(name => name.endsWith('.ts'));

const floorOf = (folder: string): number => FLOORS.findIndex(floor => floor.includes(folder));
const folderOf = (file: string): string => (file.includes('/') ? file.split('/')[0]! : '');

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/(?:from|import) '([^']+)'|import\('([^']+)'\)/g)].map(m => m[1] ?? m[2]!);
}

test('every folder of src stands on a floor', () => {
  const unknown = files.map(folderOf).filter(folder => folder !== '' && floorOf(folder) < 0);
  assert.deepEqual([...new Set(unknown)], []);
});

test('a file imports only from floors below, from its own folder, or along a listed pair, and each pair is needed', () => {
  const wrong: string[] = [];
  const idle = new Set(PAIRS);
  for (const file of files) {
    const from = folderOf(file);
    if (from === '') continue;
    for (const name of importsOf(file).filter(n => n.startsWith('.'))) {
      const to = folderOf(normalize(join(dirname(file), name)).replaceAll('\\', '/'));
      if (to === from || to === '') continue;
      idle.delete(`${from}>${to}`);
      const allowed =
        floorOf(to) < floorOf(from) ||
        (PURE.includes(from) && PURE.includes(to)) ||
        PAIRS.has(`${from}>${to}`);
      if (!allowed) wrong.push(`${file} imports ${name}`);
    }
  }
  assert.deepEqual([wrong, [...idle]], [[], []]);
});

test('the pure core has no file system, clock, random or process', () => {
  const wrong: string[] = [];
  for (const file of files.filter(f => PURE.includes(folderOf(f)))) {
    wrong.push(
      ...importsOf(file)
        .filter(n => EFFECTS.test(n))
        .map(n => `${file} imports ${n}`),
    );
    if (AMBIENT.test(readFileSync(join(SRC, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')))
      wrong.push(`${file} looks around`);
  }
  assert.deepEqual(wrong, []);
});

test('DuckDB is imported by src/duck alone', () => {
  const others = files.filter(
    f => folderOf(f) !== 'duck' && importsOf(f).some(n => n.startsWith('@duckdb/')),
  );
  assert.deepEqual(others, []);
});

test('the core is read in an afternoon: no file grows past 400 lines', () => {
  const long = files.filter(f => readFileSync(join(SRC, f), 'utf8').split('\n').length > 400);
  assert.deepEqual(long, []);
});
