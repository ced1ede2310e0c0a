import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { AuditError } from '../../src/errors.ts';
import { mapTestCommand } from '../../src/cli/commands/map.ts';
import { createMac } from '../../src/keys/hash.ts';
import { parseMap } from '../../src/map/read.ts';
import { adapterOfMap } from '../../src/normalize/map.ts';
import { createNormalizer, type Outcome } from '../../src/normalize/normalize.ts';
import { withStore } from '../sandbox.ts';

function read(map: string, ...lines: unknown[]): Outcome[] {
  const normalizer = createNormalizer({
    mac: createMac(Buffer.alloc(32, 9)),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    format: { adapter: adapterOfMap(parseMap(map, 'm.yaml')), forced: true },
  });
  return lines.map((l, i) => normalizer.line(Buffer.from(typeof l === 'string' ? l : JSON.stringify(l)), i));
}

function fieldsOf(outcome: Outcome | undefined): object {
  assert.ok(outcome && 'records' in outcome, JSON.stringify(outcome));
  const { v: _v, event_id: _id, source_id: _source, ...rest } = outcome.records[0]!;
  return rest;
}

const MAP = mapTestCommand.file!.lines.join('\n');

test('the map that --help shows reads paths, units, constants and tables of values', () => {
  const [first, second, third, fourth] = read(
    MAP,
    {
      kind: 'request',
      t: { start: 1_777_593_607_123 },
      caller: { name: 'ana' },
      took: 12.5,
      result: 'DENY',
      usage: { in: 7 },
      body: { messages: 'hello', debug: 'x' },
      headers: { key: 'sk-1' },
      level: 'info',
      region: 'eu',
    },
    { kind: 'request', t: { start: 12 }, caller: { id: 7 }, took: '3ms', result: 'ODD', health: false },
    { kind: 'other', t: { start: 1_777_593_607_123 } },
    { kind: 'request', t: { start: 1_777_593_607_123 }, health: 'yes' },
  );
  const {
    prompt_hash: p,
    last_user_hash: l,
    api_key_id: k,
    ...fields
  } = fieldsOf(first) as Record<string, unknown>;
  assert.ok(p && l && String(k).startsWith('hmac:'));
  assert.deepEqual(fields, {
    user_id: 'ana',
    latency_us: 12_500,
    status: 'denied',
    provider: 'self_hosted',
    input_tokens: 7,
    ts: '2026-05-01T00:00:07.123000Z',
    ts_quality: 'exact',
    prompt_chars: 5,
    hash_alg: 'hmac-sha256:0a1b2c3d:c1',
    extra: '{"kind":"request","region":"eu","_dropped":1}',
    usage_source: 'reported',
    event_type: 'inference',
    source_format: 'map:my-gateway',
  });
  const { ts, user_id, status, latency_us } = fieldsOf(second) as Record<string, unknown>;
  assert.deepEqual(
    [ts, user_id, status, latency_us],
    ['1970-01-01T00:00:00.012000Z', '7', 'error', 3000],
    'a stated unit holds, however small the number',
  );
  assert.deepEqual([third, fourth], [{ reject: 'unknown_format' }, { skip: 'not_a_request' }]);
});

test('a pattern reads text; what it does not match is rejected', () => {
  const map = String.raw`
name: plain
pattern: '^(?<ip>\S+) (?<at>\d+) (?<path>\S+) (?<code>\d{3}) (?<took>[\d.]+)$'
time: { path: at, unit: s, end: true }
columns:
  event_type: { value: access }
  client_ip: ip
  endpoint: path
  http_status: code
  latency_us: { path: took, unit: s }
`;
  const [first, second] = read(map, '192.0.2.1 1777593607 /v1/chat?q=x 200 2.5', 'hello');
  assert.deepEqual(fieldsOf(first), {
    event_type: 'access',
    client_ip: '192.0.2.1',
    endpoint: '/v1/chat',
    http_status: 200,
    latency_us: 2_500_000,
    ts: '2026-05-01T00:00:05.000000Z',
    ts_quality: 'coarse',
    status: 'ok',
    source_format: 'map:plain',
    extra: '{"ts_raw":"2026-05-01T00:00:07.000000Z"}',
  });
  assert.deepEqual(second, { reject: 'unknown_format' });
});

for (const [what, map, line, message] of [
  ['no YAML', 'name: [', 1, /flow|sequence|expected/i],
  ['a name twice', 'name: a\nname: b\ntime: t', 2, /unique/i],
  ['no time', 'name: a', 1, /time is missing/],
  ['an unknown member', 'name: a\ntime: t\nrenames: x', 3, /renames is none of name, /],
  ['an unknown column', 'name: a\ntime: t\ncolumns:\n  usr: x', 4, /no column is called usr/],
  ['a column of the program', 'name: a\ntime: t\ncolumns:\n  event_id: x', 4, /never taken from input/],
  ['a duration without unit', 'name: a\ntime: t\ncolumns:\n  latency_us: x', 4, /needs a unit/],
  [
    'a unit of a count',
    'name: a\ntime: t\ncolumns:\n  input_tokens: { path: x, unit: ms }',
    4,
    /no duration/,
  ],
  ['an unknown unit', 'name: a\ntime: { path: t, unit: min }', 2, /unit is one of s, ms, us, ns/],
  ['an end that is no boolean', 'name: a\ntime: { path: t, end: yes }', 2, /end is true or false/],
  ['a pattern that only looks behind', "name: a\ntime: t\npattern: '(?<=a)b'", 3, /named groups/],
  ['a pattern without groups', "name: a\ntime: t\npattern: '.*'", 3, /named groups/],
  ['a broken pattern', "name: a\ntime: t\npattern: '(?<a>'", 3, /no regular expression/],
  ['a list where a text belongs', 'name: a\ntime: t\nmatch: { a: [1] }', 3, /a text, a number/],
] as const) {
  test(`a map with ${what} is refused, with its line`, () => {
    assert.throws(
      () => parseMap(map, 'm.yaml'),
      (error: unknown) => {
        assert.ok(error instanceof AuditError);
        assert.equal(error.code, 'MAP_INVALID');
        assert.ok(error.message.startsWith(`m.yaml:${line}: `), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('map test reads lines of Windows, and lines that a carrier has cut, as ingest does', () =>
  withStore(async sandbox => {
    const [map, sample] = [sandbox.path('plain.yaml'), sandbox.path('plain.log')];
    writeFileSync(
      map,
      String.raw`
name: plain
pattern: '^(?<at>\d+) (?<path>\S+) (?<code>\d{3})$'
time: { path: at, unit: s }
columns:
  event_type: { value: access }
  endpoint: path
  http_status: code
`,
    );
    const cri = (tag: 'F' | 'P', text: string): string =>
      `2026-05-01T00:00:07.123456789Z stdout ${tag} ${text}\n`;
    const lines = [
      '1777593607 /a 200\r\n',
      cri('P', '1777593607 /b'),
      cri('F', ' 200'),
      '1777593607 /c 200\r\n',
    ];
    writeFileSync(sample, lines.join(''));
    const tried = await sandbox.run(['map', 'test', map, sample]);
    assert.match(tried.stdout, /^4 lines: 3 records, 1 skipped$/m);
    const run = await sandbox.run(['ingest', '--map', map, sample]);
    assert.equal(run.code, 0, run.stderr);
    const query = await sandbox.run(['query', 'select endpoint from records', '--format', 'csv']);
    assert.equal(query.stdout, 'endpoint\n/a\n/b\n/c\n');
  }));

test('map test shows the first records and each field that was left; ingest --map seals them', () =>
  withStore(async sandbox => {
    const [map, sample] = [sandbox.path('gw.yaml'), sandbox.path('gw.ndjson')];
    writeFileSync(map, MAP);
    const line = {
      kind: 'request',
      t: { start: 1_777_593_607_123 },
      took: 1,
      region: 'eu',
      note: { text: 'hm' },
    };
    writeFileSync(sample, `${JSON.stringify(line)}\n${JSON.stringify({ ...line, kind: 'x' })}\n`);
    const tried = await sandbox.run(['map', 'test', map, sample]);
    assert.equal(tried.code, 3);
    assert.match(tried.stdout, /^record 1\n {2}latency_us {8}1000\n/);
    assert.match(tried.stdout, /^ {2}region {5}string {10}extra {4}1 line$/m);
    assert.match(tried.stdout, /^ {2}note\.text {2}string {10}dropped {2}1 line$/m);
    assert.match(tried.stdout, /^2 lines: 1 record, 1 rejected: unknown_format$/m);
    const json = JSON.parse((await sandbox.run(['map', 'test', map, sample, '--json'])).stdout) as object;
    assert.deepEqual(Object.keys(json), ['lines', 'records', 'skipped', 'rejected', 'first', 'unmapped']);

    const run = await sandbox.run(['ingest', '--map', map, sample]);
    assert.equal(run.code, 3, run.stderr);
    const { stdout } = await sandbox.run([
      'query',
      'select source_format, latency_ms from records',
      '--format',
      'csv',
    ]);
    assert.equal(stdout, 'source_format,latency_ms\nmap:my-gateway,1\n');
    const both = await sandbox.run(['ingest', '--map', map, '--format', 'native', sample]);
    assert.deepEqual([both.code, /--map names the format/.test(both.stderr)], [2, true]);
  }));
