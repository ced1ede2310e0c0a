import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { KEEP_ALL } from '../../src/log/policy.ts';
import { parsePin } from '../../src/log/pin.ts';
import { plan } from '../../src/policy/set.ts';
import { prove } from '../../src/prove/prove.ts';
import { redact, type Redacted } from '../../src/redact/redact.ts';
import { instantOf } from '../../src/store/clock.ts';
import { verifyProof } from '../../src/verify/proof.ts';
import { type Clocked, withClock } from '../clocked.ts';

function run(log: Clocked, where: string, more: object = {}): Promise<Redacted> {
  const which = { sql: `SELECT seq FROM records WHERE ${where}`, parameters: {} };
  const query = { memory: 1 << 28, known: join(log.folder, 'known') };
  return redact(log.store, which, { ...log.at, reason: 'erasure-request', query, texts: [], ...more });
}

/** Is a text anywhere in the store, or in what queries remember, compressed or not? */
async function isAnywhere(log: Clocked, text: string): Promise<boolean> {
  const { withEngine, quote } = await import('../../src/duck/engine.ts');
  const all = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(e => e.isFile())
      .map(e => join(e.parentPath, e.name));
  for (const path of [...all(log.store.at.store), ...all(join(log.folder, 'known'))]) {
    if (readFileSync(path).includes(text)) return true;
    if (!path.endsWith('.parquet')) continue;
    const rows = await withEngine({}, db =>
      db.runAndReadAll(`SELECT to_json(p)::VARCHAR FROM read_parquet(${quote(path)}) p`),
    );
    if (rows.getRows().some(([row]) => String(row).includes(text))) return true;
  }
  return false;
}

test('the rows go, the leaf hashes stay: all still verifies, and proofs of other records hold', () =>
  withClock(async log => {
    await log.days(3650, 3660, { redactAny: true, retroactive: true });
    log.pass(8);
    for (let n = 0; n < 3; n++) {
      await log.seal(3);
      await log.seal(1, { user_id: 'ana-maria', session_id: `s-of-ana-maria-${n}` });
    }
    const other = await prove(log.store, '0');
    const hers = await prove(log.store, '3');
    assert.ok(await isAnywhere(log, 'ana-maria').catch(() => true));
    const dry = await run(log, "user_id = 'ana-maria'", { dryRun: true });
    assert.deepEqual([dry.records, dry.segments, dry.entry], [3, [1, 3, 5], undefined]);
    assert.deepEqual((await run(log, "user_id = 'ana-maria'")).records, 3);
    assert.equal(await isAnywhere(log, 'ana-maria'), false);
    const { findings, checked, pending } = await log.verify();
    assert.deepEqual([findings, pending, checked.redacted], [[], [], 3]);
    const pin = parsePin(readFileSync(join(log.store.keys.folder, 'pin'), 'utf8').trim());
    for (const proof of [other, await prove(log.store, '0'), hers])
      assert.ok(verifyProof(Buffer.from(proof.line), proof.proof, pin).good);
    await assert.rejects(prove(log.store, '3'), { code: 'RECORD_REDACTED' });
  }));

test('redacted rows stay redacted through compaction, and more of a file can be redacted later', () =>
  withClock(async log => {
    await log.days(3650, 3660, { redactAny: true, retroactive: true });
    log.pass(8);
    await log.seal(4);
    await log.seal(4);
    await run(log, "request_id IN ('r-1', 'r-2')");
    log.pass(1);
    await compact(log.store, log.at);
    assert.deepEqual(log.files('records').length, 1);
    assert.deepEqual(await log.findings(), []);
    await run(log, "request_id IN ('r-3', 'r-6')");
    const { findings, checked } = await log.verify();
    assert.deepEqual([findings, checked.redacted], [[], 4]);
    assert.equal(await isAnywhere(log, '"r-6"'), false);
    assert.equal(await isAnywhere(log, '"r-5"'), true);
  }));

test('policies and holds keep records from being redacted; nothing is done then', () =>
  withClock(async log => {
    await log.days(10, 20, { retroactive: true });
    await log.seal(4);
    log.pass(8);
    await assert.rejects(run(log, 'true'), {
      code: 'REDACT_REFUSED',
      message: /policy 1 keeps segment 0 until 2026-01-11/,
    });
    await log.hold({ segments: [[0, 0]] });
    // What somebody can do something about is told first.
    await assert.rejects(run(log, 'true'), {
      message: /hold 0000000a/,
      hint: /hold release.*policy explain/,
    });
    log.pass(10);
    await assert.rejects(run(log, 'true'), { code: 'REDACT_REFUSED', message: /hold 0000000a/ });
    assert.equal((await log.verify()).checked.redacted, 0);
  }));

test('what only a policy in its grace refuses is told with the day from which it is no longer so', () =>
  withClock(async log => {
    await log.seal(4);
    await log.days(10, 20, { redactAny: true, retroactive: true });
    await assert.rejects(run(log, 'true'), {
      message: 'policy 0 keeps segment 0 until 2026-01-08',
      hint: /from 2026-01-08T12:00:\d\d\.\d{6}Z on$/,
    });
    log.pass(8);
    assert.equal((await run(log, 'true')).records, 4);
  }));

test('a policy right behind genesis acts at once: nothing was kept under another one', () =>
  withClock(async log => {
    const [kept] = KEEP_ALL.classes;
    const policy = { ...KEEP_ALL, classes: [{ ...kept!, min: 3650 }], redactAny: true };
    const { binding } = plan(log.history(), policy, instantOf(log.now));
    assert.deepEqual(binding, []);
    await log.policy(policy);
    await log.seal(2);
    assert.equal((await run(log, "request_id = 'r-0'")).records, 1);
    assert.deepEqual(await log.findings(), []);
    // The next one that says so has the grace of this one before it.
    await log.days(1, 2, { redactAny: false });
    await log.days(1, 2, { redactAny: true, retroactive: true });
    await assert.rejects(run(log, 'true'), { code: 'REDACT_REFUSED' });
  }));

test('rejected lines that hold what was searched for go with their segment', () =>
  withClock(async log => {
    await log.days(3650, 3660, { redactAny: true, retroactive: true });
    log.pass(8);
    await log.sealText('{"ts":"2026-01-01T00:00:00Z","user_id":"bo"}\n{"broken":"of ana-maria\n');
    await log.sealText('{"ts":"2026-01-01T00:00:00Z","user_id":"bo"}\nbroken too\n');
    const escaped = JSON.stringify({ log: '{"broken":"\\u0062ö of Z\\u00fcrich"' });
    await log.sealText(`{"ts":"2026-01-01T00:00:00Z","user_id":"bo"}\n${escaped.slice(0, -1)}\n`);
    const inQuotes = await run(log, 'false', { texts: ['bö of Zürich'], dryRun: true });
    assert.deepEqual(inQuotes.quarantine, [2]);
    const asSpelled = await run(log, "user_id = 'Ana-Maria'", { texts: ['Ana-Maria'], dryRun: true });
    assert.deepEqual(asSpelled.quarantine, []);
    const anyCase = await run(log, 'false', { anyCase: 'Ana-Maria', dryRun: true });
    assert.deepEqual(anyCase.quarantine, [0]);
    const done = await run(log, "user_id = 'ana-maria'", { texts: ['ana-maria'] });
    assert.deepEqual([done.records, done.quarantine], [0, [0]]);
    assert.deepEqual(log.files('quarantine'), ['00000001.ndjson', '00000002.ndjson']);
    assert.deepEqual((await log.verify()).findings, []);
  }));
