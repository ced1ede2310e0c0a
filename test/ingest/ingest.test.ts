import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { thisProcess } from '../../src/store/owner.ts';
import { nativeLine, nativeLines, type Sandbox, withStore } from '../sandbox.ts';

const GOOD = '{"ts":"2026-05-01T00:00:07.603Z","user_id":"ana"}';

interface Summary {
  readonly records: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly read: number;
  readonly reasons: Record<string, number>;
  readonly notes: { code: string }[];
}

async function ingest(
  box: Sandbox,
  args: string[],
  input?: string | Buffer,
): Promise<Summary & { code: number | null }> {
  const run = await box.run(['ingest', '--json', ...args], input);
  return { ...(JSON.parse(run.stdout) as Summary), code: run.code };
}

async function sealedRecords(box: Sandbox): Promise<number> {
  const run = await box.run(['verify', '--records', '--format', 'json']);
  const report = JSON.parse(run.stdout) as {
    findings: unknown[];
    checked: { records: number; recomputed: number };
  };
  assert.deepEqual([run.code, report.findings], [0, []]);
  assert.equal(report.checked.recomputed, report.checked.records);
  return report.checked.records;
}

test('a pipe: good lines are sealed, bad ones go to quarantine with reason, line and offset, and the answer is 3', () =>
  withStore(async box => {
    const bad: [string, string | Buffer][] = [
      ['not_json', 'hello'],
      ['not_object', '[1]'],
      ['not_utf8', Buffer.from([0x7b, 0xff, 0x7d])],
      ['raw_nul', '{"ts":"\0"}'],
      ['duplicate_member', '{"ts":1777593607,"ts":1777593608}'],
      ['too_deep', `{"ts":1777593607,"a":${'['.repeat(65)}${']'.repeat(65)}}`],
      ['no_time', '{"user_id":"ana"}'],
    ];
    const lines = [GOOD, ...bad.map(([, line]) => line), GOOD].map(line =>
      Buffer.concat([Buffer.from(line), Buffer.from('\n')]),
    );
    const s = await ingest(box, ['-'], Buffer.concat(lines));
    assert.equal(s.code, 3);
    assert.deepEqual([s.read, s.records, s.rejected], [9, 2, 7]);
    assert.deepEqual(s.reasons, Object.fromEntries(bad.map(([reason]) => [reason, 1])));
    const rows = readFileSync(`${box.store}/quarantine/00000000.ndjson`, 'utf8').trim().split('\n');
    let offset = GOOD.length + 1;
    for (const [i, [reason, line]] of bad.entries()) {
      const row = JSON.parse(rows[i]!) as Record<string, unknown>;
      assert.deepEqual(
        [row['reason'], row['source'], row['line'], row['offset'], row['length']],
        [reason, 'pipe', i + 2, offset, line.length],
      );
      offset += line.length + 1;
    }
    assert.equal(await sealedRecords(box), 2);
  }));

test('CRLF, a byte order mark at the start, blank lines and an escaped U+0000 are read', () =>
  withStore(async box => {
    const s = await ingest(box, [], `\ufeff${GOOD}\r\n\r\n\n{"ts":1777593607,"user_id":"a\\u0000b"}\n`);
    assert.deepEqual([s.code, s.read, s.records, s.skipped], [0, 4, 2, 2]);
    assert.equal(await sealedRecords(box), 2);
  }));

test('a line over --max-line is rejected and the rest is read, in bounded memory', () =>
  withStore(async box => {
    const s = await ingest(
      box,
      ['--max-line', '1K'],
      `${GOOD}\n{"ts":1,"x":"${'y'.repeat(3_000_000)}"}\n${GOOD}\n`,
    );
    assert.deepEqual([s.code, s.records, s.reasons], [3, 2, { too_long: 1 }]);
    const [row] = readFileSync(`${box.store}/quarantine/00000000.ndjson`, 'utf8').split('\n');
    assert.ok(row!.length < 100_000);
    assert.equal((JSON.parse(row!) as { length: number }).length, 3_000_000 + '{"ts":1,"x":""}'.length);
  }));

test('a file can be ingested again: only what is new is read, gzipped or not', () =>
  withStore(async box => {
    const file = box.path('access.ndjson');
    writeFileSync(file, nativeLines(10));
    assert.equal((await ingest(box, [file])).records, 10);
    const again = await ingest(box, [file]);
    assert.deepEqual([again.records, again.notes.map(n => n.code)], [0, ['nothing_new']]);
    appendFileSync(file, nativeLines(5, 10));
    assert.equal((await ingest(box, [file])).records, 5);
    const rotated = box.path('access.ndjson.1.gz');
    writeFileSync(rotated, gzipSync(nativeLines(16)));
    assert.equal((await ingest(box, [rotated])).records, 1, 'the rotated, gzipped file is the same file');
    assert.equal(await sealedRecords(box), 16);
  }));

test('the same file twice in one command is there once', () =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, nativeLines(4));
    assert.equal((await ingest(box, [file, file])).records, 4);
  }));

test('another file that begins with the same line is a file of its own', () =>
  withStore(async box => {
    const [a, b] = [box.path('a.ndjson'), box.path('b.ndjson')];
    writeFileSync(a, nativeLine(0) + nativeLine(1));
    writeFileSync(b, nativeLine(0) + nativeLine(2) + nativeLine(3));
    assert.equal((await ingest(box, [a])).records, 2);
    const s = await ingest(box, [b]);
    assert.deepEqual([s.records, s.notes.map(n => n.code)], [3, ['same_first_line']]);
    assert.equal((await ingest(box, [b, a])).records, 0, 'both are known now');
  }));

test("a file's unterminated last line: whole JSON is read and its late line feed is no line; a cut one is left", () =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, `${nativeLine(0)}${nativeLine(1).trim()}`);
    assert.equal((await ingest(box, [file])).records, 2);
    appendFileSync(file, `\n${nativeLine(2).slice(0, 20)}`);
    const cut = await ingest(box, [file]);
    assert.deepEqual([cut.code, cut.records, cut.notes.map(n => n.code)], [0, 0, ['left_unterminated']]);
    appendFileSync(file, `${nativeLine(2).slice(20)}not json\n`);
    const rest = await ingest(box, [file]);
    assert.deepEqual([rest.code, rest.records, rest.rejected], [3, 1, 1]);
    const rows = readFileSync(`${box.store}/quarantine/00000002.ndjson`, 'utf8');
    assert.equal((JSON.parse(rows) as { line: number }).line, 4);
  }));

test('a cut last line of a pipe or a gzip file is quarantined; a gzip file that is cut itself keeps what it has', () =>
  withStore(async box => {
    assert.deepEqual((await ingest(box, [], `${GOOD}\n{"ts":177`)).reasons, { unterminated: 1 });
    const whole = box.path('whole.gz');
    writeFileSync(whole, gzipSync(`${nativeLine(0)}{"ts":17`));
    assert.deepEqual((await ingest(box, [whole])).reasons, { unterminated: 1 });
    const cut = box.path('cut.gz');
    const packed = gzipSync(nativeLines(20_000, 50));
    writeFileSync(cut, packed.subarray(0, Math.floor(packed.length / 2)));
    const part = await ingest(box, [cut]);
    assert.equal(part.code, 2);
    assert.ok(part.records > 1000, 'what came before the cut is kept');
    writeFileSync(cut, packed);
    assert.equal(
      (await ingest(box, [cut])).records,
      20_000 - part.records,
      'and the rest is read once it is whole',
    );
  }));

test('how a pipe is cut into chunks changes nothing that is ingested', () =>
  withStore(async box => {
    const text = `\ufeff${GOOD}\r\n\n${nativeLines(40)}oops\n${nativeLine(41)}`;
    const gz = gzipSync(text);
    for (const [bytes, size] of [
      [Buffer.from(text), 1],
      [Buffer.from(text), 4096],
      [gz, 1],
      [gz, 7],
    ] as const) {
      const { child, done } = box.start(['ingest', '--json']);
      for (let at = 0; at < bytes.length; at += size) child.stdin.write(bytes.subarray(at, at + size));
      child.stdin.end();
      const { records, rejected, skipped } = JSON.parse((await done).stdout) as Summary;
      assert.deepEqual([records, rejected, skipped], [42, 1, 1]);
    }
  }));

test('an unreadable file does not keep the others from being read', () =>
  withStore(async box => {
    const file = box.path('a.ndjson');
    writeFileSync(file, nativeLines(3));
    const s = await ingest(box, [box.path('nowhere.ndjson'), file]);
    assert.deepEqual([s.code, s.records], [2, 3]);
  }));

test('SIGINT and SIGTERM seal what was read; the answers are 130 and 0', () =>
  withStore(async box => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 0],
    ] as const) {
      const { child, done, heard } = box.start(['ingest', '--acks']);
      child.stdin.write(nativeLines(5));
      await heard('"acknowledged":5');
      child.kill(signal);
      assert.equal((await done).code, code);
    }
    assert.equal(await sealedRecords(box), 10);
  }));

test('--seal-records and --seal-every seal on the way; --heartbeat proves silence', () =>
  withStore(async box => {
    const { child, done } = box.start([
      'ingest',
      '--json',
      '--seal-every',
      '300ms',
      '--heartbeat',
      '300ms',
      '--seal-records',
      '3',
    ]);
    child.stdin.write(nativeLines(7));
    const checkpoint = (): number =>
      Number(readFileSync(`${box.store}/log/checkpoint`, 'utf8').split('\n')[1]);
    // genesis, two of three records, one of one, and at least one of none
    while (checkpoint() < 5) await new Promise(r => setTimeout(r, 50));
    child.stdin.end();
    assert.equal((JSON.parse((await done).stdout) as Summary).records, 7);
    assert.equal(await sealedRecords(box), 7);
  }));

test('several ingests write one store at once, each line once', () =>
  withStore(async box => {
    const runs = [0, 1, 2].map(i => box.run(['ingest', '--seal-records', '40'], nativeLines(200, i * 1000)));
    assert.deepEqual(
      (await Promise.all(runs)).map(r => r.code),
      [0, 0, 0],
    );
    assert.equal(await sealedRecords(box), 600);
  }));

test('two ingests of one file at once: one reads it, the other answers 75', () =>
  withStore(async box => {
    const file = box.path('big.ndjson');
    writeFileSync(file, nativeLines(60_000));
    const codes = (await Promise.all([box.run(['ingest', file]), box.run(['ingest', file])])).map(
      r => r.code,
    );
    assert.deepEqual(new Set(codes), new Set([0, 75]));
    assert.equal(await sealedRecords(box), 60_000);
  }));

test('a large input is digested on threads: every line in its order, across segments and rejected lines', () =>
  withStore(async box => {
    const count = 70_000;
    const text = `${nativeLines(50_000)}oops\n\n${nativeLines(count - 50_000, 50_000)}`;
    writeFileSync(box.path('big.ndjson'), text);
    const s = await ingest(box, ['--seal-records', '30001', box.path('big.ndjson')]);
    assert.deepEqual([s.records, s.rejected, s.skipped], [count, 1, 1]);
    const run = await box.run([
      'query',
      "select count(*) n from records where request_id = 'r-' || seq",
      '--format',
      'csv',
    ]);
    assert.equal(run.stdout, `n\n${count}\n`);
    const row = readFileSync(`${box.store}/quarantine/00000001.ndjson`, 'utf8');
    assert.deepEqual(JSON.parse(row), {
      ...(JSON.parse(row) as object),
      line: 50_001,
      offset: nativeLines(50_000).length,
    });
    assert.equal(await sealedRecords(box), count);
    assert.equal((await ingest(box, [box.path('big.ndjson')])).records, 0);
  }));

test('a lock that is held too long: 75 with the next command, and what was acknowledged is sealed by the next run', () =>
  withStore(async box => {
    const lock = join(box.store, 'lock');
    writeFileSync(lock, JSON.stringify(thisProcess()));
    const busy = await box.run(['ingest', '--lock-wait', '100ms'], nativeLines(3));
    assert.equal(busy.code, 75);
    assert.match(busy.stderr, /^slmaudit: error: the store is locked by process \d+ on .+\nhint: .+$/m);
    assert.equal((await box.run(['seal'])).code, 75);
    rmSync(lock);
    assert.match(
      (await box.run(['ingest'], nativeLines(1, 10))).stderr,
      /3 records of an interrupted run sealed/,
    );
    assert.equal(await sealedRecords(box), 4);
  }));

test('a named pipe is read as a pipe', async t => {
  if (process.platform === 'win32') return t.skip('no named pipes');
  return withStore(async box => {
    const fifo = box.path('fifo');
    execFileSync('mkfifo', [fifo]);
    const { done } = box.start(['ingest', '--json', fifo]);
    writeFileSync(fifo, nativeLines(3));
    assert.equal((JSON.parse((await done).stdout) as Summary).records, 3);
  });
});

test('lines over --max-line of a gzip file are in the digest of what was read of it: it is known again, grown', () =>
  withStore(async box => {
    const path = box.path('a.ndjson.gz');
    const long = (n: number): string => `${String(n).repeat(100_000)}\n`;
    const text = Array.from({ length: 9 }, (_, i) => nativeLines(2, 2 * i) + long(i) + long(i)).join('');
    const read = async (): Promise<Summary> => ingest(box, ['--max-line', '64KiB', path]);
    writeFileSync(path, gzipSync(text));
    const first = await read();
    assert.deepEqual([first.records, first.reasons], [18, { too_long: 18 }]);
    writeFileSync(path, gzipSync(text + nativeLines(1, 18)));
    const second = await read();
    assert.deepEqual([second.records, second.rejected], [1, 0]);
  }));
