import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { nativeLines, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const temporary = box.path('tmp');
let whole: Record<string, string>;

before(async () => {
  assert.equal((await box.run(['init', '--no-recovery', '--origin', 'test.example/log'])).code, 0);
  assert.equal((await box.run(['ingest', '--seal-records', '50'], nativeLines(120))).code, 0);
  mkdirSync(temporary);
  whole = digests();
});
after(() => box.remove());

/** Of every file of the store. */
const digests = (): Record<string, string> =>
  Object.fromEntries(box.files().map(f => [f, hash('sha256', readFileSync(`${box.store}/${f}`))]));

const codeOf = (stderr: string): string => (JSON.parse(stderr) as { error: { code: string } }).error.code;

/** What is run, in the real process, with 128 MiB and a second: what it may end with. */
const RUN: readonly (readonly [sql: string, ...codes: readonly string[]])[] = [
  ['select count(*) from range(1000000000000) a, range(1000000) b'],
  ['with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t'],
  [
    'with recursive t(n) as (select 1 union all select n from t, range(1000)) select count(*) from t',
    'QUERY_TIMEOUT',
    'QUERY_MEMORY',
  ],
  ["select repeat('x', 10000000000)", 'SQL_ERROR'],
  ["select length(repeat('x', 4000000000))", 'QUERY_TIMEOUT', 'QUERY_MEMORY', 'QUERY_DIED'],
  ["select string_agg(repeat('x', 100000), '') from range(1000000)", 'QUERY_MEMORY'],
  ['select array_agg(i) from range(3000000000) t(i)', 'QUERY_MEMORY'],
  ['select list_sort(range(2000000000))', 'QUERY_MEMORY', 'QUERY_TIMEOUT', 'QUERY_DIED'],
  ["select printf('%2000000000d', 1)", 'QUERY_TIMEOUT', 'QUERY_MEMORY', 'QUERY_DIED', 'SQL_ERROR'],
  [
    'select i, row_number() over (order by i desc) from range(2000000000) t(i)',
    'QUERY_TIMEOUT',
    'QUERY_MEMORY',
  ],
  ["select regexp_matches(repeat('a', 1000000), '(a*)*(a*)*b')", 'answered'],
  ["select regexp_matches('x', '((((a{1,999}){1,999}){1,999}){1,999})')", 'SQL_ERROR', 'answered'],
  [`select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`, 'SQL_ERROR', 'QUERY_DIED'],
  [`select ${'['.repeat(400)}1${']'.repeat(400)}`, 'QUERY_TIMEOUT', 'SQL_ERROR', 'QUERY_DIED', 'answered'],
  [`select ${'- '.repeat(30_000)}1`, 'SQL_ERROR', 'QUERY_DIED'],
  [`select ${Array(30_000).fill('1').join('+')}`, 'SQL_ERROR', 'QUERY_DIED'],
  [`select '${'x'.repeat(8_000_000)}' as n from records where false`, 'answered'],
  [
    `select json_structure('${'['.repeat(100_000)}${']'.repeat(100_000)}')`,
    'QUERY_DIED',
    'SQL_ERROR',
    'QUERY_TIMEOUT',
  ],
  ["select '\0'; copy (select 1) to 'x'", 'SQL_ERROR'],
  ["select 1 as n --\0\n; from read_text('/etc/passwd')", 'SQL_ERROR', 'SQL_REFUSED'],
  ['select current_user, current_schema, current_catalog', 'SQL_ERROR'],
];

test(`${RUN.length} bombs: each ends in time, in order, and leaves the parent alive`, async () => {
  for (let i = 0; i < RUN.length; i += 3)
    await Promise.all(
      RUN.slice(i, i + 3).map(async ([sql, ...codes]) => {
        const began = performance.now();
        const args = ['--format', 'json', '--memory', '128MiB', '--timeout', '1s'];
        const run = await box.run(['query', '-', ...args], sql, { TMPDIR: temporary });
        const seconds = (performance.now() - began) / 1000;
        const code = run.code === 0 ? 'answered' : codeOf(run.stderr);
        // On a busy machine its second may be over before.
        assert.ok(
          [...codes, 'QUERY_TIMEOUT'].includes(code),
          `${sql.slice(0, 80)}: ${code} ${run.stderr.slice(0, 300)}`,
        );
        assert.equal(run.code, code === 'answered' ? 0 : 2);
        assert.ok(seconds < 30, `${sql.slice(0, 80)}: ${seconds} s`);
      }),
    );
  assert.deepEqual(readdirSync(temporary), []);
  assert.deepEqual(digests(), whole);
});
