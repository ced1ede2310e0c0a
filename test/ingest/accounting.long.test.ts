import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseEntry } from '../../src/log/entry.ts';
import { parseSegment } from '../../src/log/segment.ts';
import { parseNote } from '../../src/note/note.ts';
import { readCheckpoint, readEntries } from '../../src/store/log.ts';
import { openStore } from '../../src/store/store.ts';
import { FORMAT_NAMES } from '../../src/normalize/names.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

const GIN = '[GIN] 2026/05/01 - 00:00:07 | 200 |  1.5s |  192.0.2.7 | POST     "/api/chat"';
const PART =
  '{"object":"chat.completion.chunk","id":"c1","created":1777593607,"model":"m","choices":[{"delta":{"content":"x"}}]}';
const OLLAMA_NOISE =
  'time=2026-05-01T00:00:07.000Z level=INFO source=routes.go:1 msg="Listening on 127.0.0.1:11434"';

function manifests(box: Sandbox): ReturnType<typeof parseSegment>[] {
  const { at } = openStore(box.store, box.keys);
  const entries = [...readEntries(at, 0, readCheckpoint(at).size)].map(n => parseEntry(parseNote(n).text));
  return entries.filter(e => e.kind === 'segment').map(parseSegment);
}

test('every line of every source has a fate, and ingest, manifest and status say the same', () =>
  withStore(async box => {
    writeFileSync(box.path('a'), `${GIN}\n${OLLAMA_NOISE}\n\n${GIN}\n`);
    writeFileSync(box.path('b'), `${nativeLines(3)}{"broken\n${PART}\n${PART}\n`);
    const run = await box.run(['ingest', '--format', 'auto-line', '--json', box.path('a'), box.path('b')]);
    assert.equal(run.code, 3, run.stderr);
    const said = JSON.parse(run.stdout) as Record<string, unknown>;
    const lines = [
      { source: 'a', read: 4, records: 2, rejected: 0, blank: 1, not_a_request: 1, part: 0 },
      { source: 'b', read: 6, records: 4, rejected: 1, blank: 0, not_a_request: 0, part: 2 },
    ];
    assert.deepEqual([said['lines'], said['read'], said['skipped']], [lines, 10, 4]);
    assert.deepEqual(
      manifests(box).map(m => m.lines),
      [lines],
    );
    const status = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { lines: unknown };
    assert.deepEqual(status.lines, lines);
    assert.match((await box.run(['status'])).stdout, /^lines {4}b: 6 read, 4 records, 1 rejected, 2 part$/m);
  }));

test('the fixtures of all formats add up, read at once and in many segments', () =>
  withStore(async box => {
    const paths = FORMAT_NAMES.map(name => `${process.cwd()}/fixtures/formats/${name}.log`);
    const run = await box.run(['ingest', '--format', 'auto-line', '--json', '--seal-records', '7', ...paths]);
    assert.equal(run.code, 3, run.stderr);
    const sum = (name: 'read' | 'records' | 'rejected'): number =>
      manifests(box).reduce((total, m) => total + m.lines.reduce((all, l) => all + l[name], 0), 0);
    const feeds = paths.reduce((total, p) => total + readFileSync(p, 'utf8').split('\n').length - 1, 0);
    const { read, records, rejected } = JSON.parse(run.stdout) as Record<string, number>;
    assert.deepEqual([sum('read'), sum('records'), sum('rejected')], [read, records, rejected]);
    assert.equal(read, feeds);
    const verify = await box.run(['verify', '--records']);
    assert.equal(verify.code, 0, verify.stdout);
  }));

test('a rotated file is told from a replaced one, and what was not read of it is named', () =>
  withStore(async box => {
    const [log, first] = [box.path('a b.log'), box.path('a b.log.1')];
    const ingest = async (): Promise<string> => (await box.run(['ingest', log])).stderr;
    writeFileSync(log, nativeLines(10));
    await ingest();
    // Renamed once it was read to its end: nothing to say.
    renameSync(log, first);
    writeFileSync(log, nativeLines(5, 10));
    assert.doesNotMatch(await ingest(), /warning/);
    // Copied and cut, with a line that nobody has read.
    appendFileSync(log, nativeLines(1, 15));
    writeFileSync(first, readFileSync(log));
    writeFileSync(log, nativeLines(4, 20));
    const unread = Buffer.byteLength(nativeLines(1, 15));
    assert.match(
      await ingest(),
      new RegExp(
        `a b\\.log: ${unread} bytes at the end of the file before it were not read: .slmaudit ingest --source 'a b.log' '${first}'`,
      ),
    );
    assert.equal((await box.run(['ingest', '--source', 'a b.log', first])).code, 0);
    // Written anew: what stood behind what was read is nowhere.
    writeFileSync(log, nativeLines(3, 30));
    assert.match(await ingest(), /another file than the one read before/);
    const verify = await box.run(['verify', '--records']);
    assert.match(verify.stdout, /^intact {3}6 entries, 23 records/);
  }));
