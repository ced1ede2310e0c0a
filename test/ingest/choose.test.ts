import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Sandbox, withStore } from '../sandbox.ts';

const native = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => JSON.stringify({ ts: 1_777_593_600 + i, user_id: `u${i}` }));
const nginx = (n: number): string[] =>
  Array.from({ length: n }, (_, i) =>
    JSON.stringify({
      msec: `${1_777_593_600 + i}.5`,
      remote_addr: '192.0.2.1',
      status: '200',
      request_time: '0.1',
    }),
  );
const unknown = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => JSON.stringify({ when: 1_777_593_600 + i, what: i }));
const text = (...lines: string[][]): string => `${lines.flat().join('\n')}\n`;

async function countsOf(sandbox: Sandbox): Promise<Record<string, number>> {
  const sql = 'select source_format as f, count(*)::int as n from records group by 1';
  const { stdout } = await sandbox.run(['query', sql, '--format', 'ndjson']);
  const rows = stdout.split('\n').filter(l => l !== '');
  return Object.fromEntries(
    rows.map(l => JSON.parse(l) as { f: string; n: number }).map(({ f, n }) => [f, n]),
  );
}

test('a file whose first lines agree is read as that; what else it holds is not lost', () =>
  withStore(async sandbox => {
    writeFileSync(sandbox.path('a.log'), text(native(196), nginx(4)));
    const run = await sandbox.run(['ingest', sandbox.path('a.log')]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^a\.log: read as native, by 196 of its first 200 lines$/m);
    assert.deepEqual(await countsOf(sandbox), { native: 196, nginx: 4 });
  }));

test('a file below 95 % is refused with the counts, and nothing of it is written; a person can say how to read it', () =>
  withStore(async sandbox => {
    const path = sandbox.path('a.log');
    writeFileSync(path, text(native(30), nginx(12), unknown(8)));
    writeFileSync(sandbox.path('b.log'), text(native(3).toReversed()));
    const before = sandbox.files();
    const refused = await sandbox.run(['ingest', path]);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /no format fits 95 % of its first 50 lines \(30 native, 12 nginx, 8 unknown\); nothing of it was read/,
    );
    assert.match(refused.stderr, /hint: --format auto-line/);
    assert.deepEqual(sandbox.files(), before);

    const both = await sandbox.run(['ingest', path, sandbox.path('b.log'), '--json']);
    assert.equal(both.code, 2);
    assert.equal((JSON.parse(both.stdout) as { records: number }).records, 3, 'the other file is read');

    const forced = await sandbox.run(['ingest', path, '--format', 'auto-line']);
    assert.equal(forced.code, 3);
    assert.deepEqual(await countsOf(sandbox), { native: 33, nginx: 12 });
  }));

test('too few lines to tell one in twenty: what no format knows goes to quarantine by itself; two formats are refused', () =>
  withStore(async sandbox => {
    writeFileSync(sandbox.path('a.log'), text(native(2), unknown(1)));
    const run = await sandbox.run(['ingest', sandbox.path('a.log')]);
    assert.equal(run.code, 3);
    assert.match(run.stderr, /1 line in quarantine: 1 unknown_format/);
    writeFileSync(sandbox.path('b.log'), text(native(2), nginx(1)));
    assert.equal((await sandbox.run(['ingest', sandbox.path('b.log')])).code, 2);
  }));

test('a file of which no line says anything is refused before it fills the quarantine; noise, few lines and pipes are read', () =>
  withStore(async sandbox => {
    const csv = [
      'TIMESTAMP,Tokens',
      ...Array.from({ length: 30 }, (_, i) => `2023-11-16 18:15:4${i % 10},${i}`),
    ];
    writeFileSync(sandbox.path('a.csv'), text(csv));
    const before = sandbox.files();
    const refused = await sandbox.run(['ingest', sandbox.path('a.csv')]);
    assert.deepEqual([refused.code, sandbox.files()], [2, before]);
    assert.match(
      refused.stderr,
      /none of its first 31 lines is of a format that is known.*\nhint: .*auto-line/,
    );
    writeFileSync(sandbox.path('few.csv'), text(csv.slice(0, 19)));
    assert.equal((await sandbox.run(['ingest', sandbox.path('few.csv')])).code, 3);
    const started = '(APIServer pid=4117) INFO:     Started server process [4117]';
    writeFileSync(sandbox.path('b.log'), text(csv, [started]));
    assert.equal((await sandbox.run(['ingest', sandbox.path('b.log')])).code, 3);
    assert.equal((await sandbox.run(['ingest'], text(csv))).code, 3);
    assert.equal((await sandbox.run(['ingest', sandbox.path('a.csv'), '--format', 'auto-line'])).code, 3);
  }));

test('a pipe of several formats goes on line by line, and says so', () =>
  withStore(async sandbox => {
    const run = await sandbox.run(['ingest'], text(native(30), nginx(12)));
    assert.equal(run.code, 0, run.stderr);
    assert.match(
      run.stderr,
      /warning: pipe: its first 42 lines are of several formats \(30 native, 12 nginx\)/,
    );
    assert.deepEqual(await countsOf(sandbox), { native: 30, nginx: 12 });
  }));

test('a list, and objects over several lines, are read value by value; a broken one takes no other with it', () =>
  withStore(async sandbox => {
    const objects = native(5).map(l => JSON.parse(l) as object);
    const list = JSON.stringify(objects, null, 2);
    writeFileSync(sandbox.path('list.json'), list);
    assert.equal((await sandbox.run(['ingest', sandbox.path('list.json')])).code, 0);
    assert.deepEqual(await countsOf(sandbox), { native: 5 });

    const broken = list.replace('"user_id": "u2"\n  }', '"user_id": "u2\n');
    assert.notEqual(broken, list);
    const run = await sandbox.run(['ingest', '--source', 'broken'], broken);
    assert.equal(run.code, 3);
    assert.match(run.stderr, /1 line in quarantine: 1 not_json/);
    assert.deepEqual(await countsOf(sandbox), { native: 9 });

    const pretty = objects.map(o => JSON.stringify(o, null, 4)).join('\n');
    assert.equal((await sandbox.run(['ingest'], pretty)).code, 0);
    assert.deepEqual(await countsOf(sandbox), { native: 14 });

    const oneLine = `[${native(2).join(',')},{"ts":,${native(1).join(',')}]`;
    const third = await sandbox.run(['ingest'], `[${native(2).join(',')}]\n${oneLine}\n${native(1)[0]}\n`);
    assert.deepEqual(
      [third.code, await countsOf(sandbox)],
      [3, { native: 17 }],
      'a list that ends in its line is a line',
    );
  }));

test('a list in a file is gone on with where it was left', () =>
  withStore(async sandbox => {
    const path = sandbox.path('list.json');
    const [a, b, c] = native(3);
    writeFileSync(path, `[\n${a},\n${b}`);
    await sandbox.run(['ingest', path]);
    appendFileSync(path, `,\n${c}\n]\n`);
    const run = await sandbox.run(['ingest', path]);
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(await countsOf(sandbox), { native: 3 });
    assert.equal((await sandbox.run(['verify'])).code, 0);
  }));

test('what carries a line is taken off: docker with a line in pieces, CRI, syslog, journald, CloudWatch', () =>
  withStore(async sandbox => {
    const line = JSON.stringify({ ts: 1_777_593_600, user_id: 'ana', note: 'x'.repeat(20_000) });
    const docker = (log: string): string =>
      JSON.stringify({ log, stream: 'stdout', time: '2026-05-01T00:00:00.1Z' });
    const lines = [
      docker(line.slice(0, 16_384)),
      docker(`${line.slice(16_384)}\n`),
      `2026-05-01T00:00:00.123456789Z stdout P ${line.slice(0, 100)}`,
      `2026-05-01T00:00:00.123456790Z stdout F ${line.slice(100)}`,
      `<134>1 2026-05-01T00:00:00Z web1 gw 12 - - ${native(1)[0]}`,
      `May  1 00:00:00 web1 gw[12]: ${native(1)[0]}`,
      JSON.stringify({ __REALTIME_TIMESTAMP: '1777593600000000', MESSAGE: native(1)[0], _HOSTNAME: 'web1' }),
      JSON.stringify({
        messageType: 'DATA_MESSAGE',
        logEvents: native(2).map((message, i) => ({ id: String(i), timestamp: 1_777_593_600_000, message })),
      }),
      docker('not finished'.repeat(2000)),
    ];
    const run = await sandbox.run(['ingest', '--json'], `${lines.join('\n')}\n`);
    const { records, read, rejected, skipped } = JSON.parse(run.stdout) as Record<string, number>;
    assert.deepEqual({ records, read, rejected, skipped }, { records: 7, read: 10, rejected: 1, skipped: 3 });
    assert.deepEqual(await countsOf(sandbox), { native: 7 });
  }));

test('text that carries no time has that of its arrival on a live pipe, and none in a file', () =>
  withStore(async sandbox => {
    const line = 'INFO:     192.0.2.7:50024 - "POST /v1/completions HTTP/1.1" 200 OK\n';
    const before = new Date().toISOString();
    const run = await sandbox.run(['ingest'], line);
    assert.equal(run.code, 0, run.stderr);
    const sql = 'select ts, ts_quality, endpoint from records';
    const { stdout } = await sandbox.run(['query', sql, '--format', 'ndjson']);
    const row = JSON.parse(stdout) as Record<string, string>;
    assert.deepEqual([row['ts_quality'], row['endpoint']], ['ingest', '/v1/completions']);
    assert.ok(row['ts']! >= before.slice(0, 19) && row['ts']! <= new Date().toISOString(), row['ts']);
    writeFileSync(sandbox.path('a.log'), line);
    const file = await sandbox.run(['ingest', sandbox.path('a.log')]);
    assert.match(file.stderr, /1 line in quarantine: 1 no_time/);
  }));

test('--assume-zone is what a time without a zone is taken for, in summer and in winter', () =>
  withStore(async sandbox => {
    const times = [
      '2026-07-01 12:00:00.5',
      '2026-12-01 12:00:00.5',
      '2026-10-25 02:30:00.5',
      '2026-07-01T12:00:00.5Z',
    ];
    const input = text(times.map(ts => JSON.stringify({ ts })));
    await sandbox.run(['ingest', '--assume-zone', 'Europe/Berlin'], input);
    const sql = 'select ts::varchar as ts, ts_quality as q from records order by seq';
    const { stdout } = await sandbox.run(['query', sql, '--format', 'csv']);
    assert.deepEqual(stdout.split('\n').slice(1, -1), [
      '2026-07-01 10:00:00.5+00,exact',
      '2026-12-01 11:00:00.5+00,exact',
      '2026-10-25 00:30:00.5+00,assumed_zone',
      '2026-07-01 12:00:00.5+00,exact',
    ]);
    const wrong = await sandbox.run(['ingest', '--assume-zone', 'Mars/Base'], input);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /no time zone/);
  }));

test('a line that its carrier cut at the end of a file is in quarantine once; when the rest comes, it is read whole', () =>
  withStore(async sandbox => {
    const path = sandbox.path('pod.log');
    const [a, b] = native(2);
    const at = '2026-05-01T00:00:00.123456789Z';
    writeFileSync(path, `${at} stdout F ${a}\n${at} stdout P ${b!.slice(0, 20)}\n`);
    const first = await sandbox.run(['ingest', path, '--json']);
    assert.equal((JSON.parse(first.stdout) as { rejected: number }).rejected, 1);
    const again = await sandbox.run(['ingest', path]);
    assert.deepEqual([again.code, /nothing new/.test(again.stderr)], [0, true]);
    appendFileSync(path, `${at} stdout F ${b!.slice(20)}\n`);
    const whole = await sandbox.run(['ingest', path, '--json']);
    const { records, rejected } = JSON.parse(whole.stdout) as Record<string, number>;
    assert.deepEqual([records, rejected], [1, 0]);
    assert.deepEqual(await countsOf(sandbox), { native: 2 });
  }));

test('a stream whose chunks two runs read is one record, with the hash that it has in one run', () =>
  withStore(async sandbox => {
    const chunk = (delta: object, rest: object = {}): string =>
      `${JSON.stringify({ id: 'c-1', object: 'chat.completion.chunk', created: 1_777_593_607, model: 'm', choices: [{ index: 0, delta, finish_reason: null }], ...rest })}\n`;
    const lines = [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }),
      chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: 7 } }),
    ];
    const path = sandbox.path('whole.log');
    writeFileSync(path, lines.join(''));
    await sandbox.run(['ingest', path]);
    const parted = sandbox.path('parted.log');
    writeFileSync(parted, ` ${lines[0]}${lines[1]}`);
    const first = await sandbox.run(['ingest', parted, '--json']);
    assert.equal((JSON.parse(first.stdout) as { records: number }).records, 1, 'what is known of it so far');
    appendFileSync(parted, lines[2]! + lines[3]!);
    await sandbox.run(['ingest', parted]);
    const sql = 'select source_id s, status, completion_hash h, input_tokens t from records order by seq';
    const { stdout } = await sandbox.run(['query', sql, '--format', 'json']);
    const rows = JSON.parse(stdout) as { s: string; status: string; h: string; t: number | null }[];
    assert.deepEqual(
      rows.map(r => [r.s, r.status, r.t]),
      [
        ['whole.log', 'ok', 7],
        ['parted.log', 'unknown', null],
        ['parted.log', 'ok', 7],
      ],
    );
    assert.equal(rows[2]!.h, rows[0]!.h);
    assert.notEqual(rows[1]!.h, rows[0]!.h);
  }));
