import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { compose } from '../../fixtures/bench/composed.ts';
import type { AuditError } from '../../src/errors.ts';
import { holdLines } from '../../src/log/hold.ts';
import { appendEvent } from '../../src/seal/append.ts';
import { readHistory } from '../../src/store/history.ts';
import { payloadPath, tileFile } from '../../src/store/layout.ts';
import { digestFile } from '../../src/store/store.ts';
import type { Report } from '../../src/verify/finding.ts';
import { verify } from '../../src/verify/verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-long-'));
after(() => rmSync(folder, { recursive: true }));

/** Enough for threads to be begun, and for two levels of tiles. */
const ENTRIES = 2100;
const paths = { store: join(folder, 'store'), keys: join(folder, 'keys') };
const store = compose(paths, { entries: ENTRIES, records: 5, bytes: 100 });

const seen = (jobs: number): Promise<Report> => verify(store, { records: false, jobs });

test('a long log is intact by threads as by one, and goes on', async () => {
  const options = { lockWaitMs: 0, now: Date.now() };
  const hold = { id: '0000000a', reason: 'case-1', by: 'legal', segments: [[3, 4]] as const };
  await appendEvent(store, options, () => ({ kind: 'hold', lines: holdLines(hold) }));
  const report = await seen(3);
  assert.deepEqual(report.findings, []);
  assert.equal(report.checked.entries, ENTRIES + 2);
  assert.equal(report.checked.payloads, ENTRIES);
  assert.equal(report.checked.records, ENTRIES * 5);
  assert.deepEqual(await seen(1), report);
});

test('what is wrong with it is told in one order, however many threads look', async () => {
  const { segments } = readHistory(store.at);
  const pathOf = (n: number): string => payloadPath(store.at, n, segments[n]!.at);
  unlinkSync(pathOf(700));
  appendFileSync(pathOf(1500), 'x');
  // The signatures of three entries, in two bundles; the bytes of a bundle's last note are a signature's.
  for (const bundle of [3, 4]) {
    const path = tileFile(store.at, 'entries', bundle);
    const bytes = readFileSync(path);
    const places = bundle === 3 ? [bytes.length - 30] : [bytes.indexOf('\n\n') + 60, bytes.length - 30];
    for (const at of places) bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
    unlinkSync(path);
    writeFileSync(path, bytes);
  }
  const { findings } = await seen(1);
  const told = findings.map(f => `${f.code} ${f.entry ?? f.file ?? ''}`);
  assert.deepEqual(told.slice(0, 5), [
    'ENTRY_SIGNATURE 1023',
    'ENTRY_CHAIN 1024',
    'ENTRY_SIGNATURE 1024',
    'ENTRY_CHAIN 1025',
    'ENTRY_SIGNATURE 1279',
  ]);
  assert.deepEqual(told.slice(5, 7), ['ENTRY_CHAIN 1280', 'ROOT_MISMATCH ']);
  assert.ok(told.includes(`PAYLOAD_MISSING ${segments[700]!.entry}`));
  for (const jobs of [2, 3]) assert.deepEqual((await seen(jobs)).findings, findings);
});

test('a verification that is stopped ends there, whatever its threads are at', async () => {
  for (const jobs of [1, 3]) {
    const stop = new AbortController();
    const work = verify(store, {
      records: false,
      jobs,
      signal: stop.signal,
      onProgress: ({ what }) => void (what === 'segment' && stop.abort('SIGINT')),
    });
    await assert.rejects(work, (error: AuditError) => error.code === 'STOPPED' && error.exit === 130);
  }
});

test('a file that goes on and on is left when the run is stopped', async () => {
  const path = join(folder, 'long');
  writeFileSync(path, '');
  truncateSync(path, 2 ** 42);
  const stop = new AbortController();
  setTimeout(() => stop.abort('SIGTERM'), 50);
  const work = digestFile(path, Infinity, stop.signal);
  await assert.rejects(work, (error: AuditError) => error.code === 'STOPPED' && error.exit === 2);
});
