import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { prove } from '../../src/prove/prove.ts';
import { recordsPath, untidyPath } from '../../src/store/layout.ts';
import { parsePin } from '../../src/log/pin.ts';
import { verifyProof } from '../../src/verify/proof.ts';
import { type Clocked, withClock } from '../clocked.ts';

/** Two days of three segments, and the beginning of a third day. */
async function threeDays(log: Clocked): Promise<void> {
  for (const records of [3, 1, 5]) await log.seal(records);
  log.pass(1);
  for (const records of [2, 2, 4]) await log.seal(records);
  log.pass(1);
  await log.seal(1);
}

test('small files of days that are over are joined; what is verified is the same before and after', () =>
  withClock(async log => {
    await threeDays(log);
    const before = await log.verify();
    const proof = await prove(log.store, '4');
    const { joined, leftOut } = await compact(log.store, log.at);
    assert.deepEqual(
      joined.map(j => [j.day, j.segments, j.files, j.records]),
      [
        ['2026-01-01', 3, 3, 9],
        ['2026-01-02', 3, 3, 8],
      ],
    );
    assert.deepEqual(leftOut, []);
    assert.deepEqual(log.files('records'), [
      'sealed_on=2026-01-01/00000000.8.parquet',
      'sealed_on=2026-01-02/00000003.9.parquet',
      'sealed_on=2026-01-03/00000006.parquet',
    ]);
    const after = await log.verify();
    assert.deepEqual([after.findings, after.pending], [[], []]);
    assert.deepEqual(
      [after.checked.records, after.checked.segments, after.checked.recomputed],
      [before.checked.records, before.checked.segments, before.checked.recomputed],
    );
    const again = await prove(log.store, '4');
    assert.deepEqual([again.line, again.segment], [proof.line, proof.segment]);
    const byId = await prove(log.store, proof.eventId);
    assert.equal(byId.seq, 4);
    const pin = parsePin(readFileSync(join(log.store.keys.folder, 'pin'), 'utf8').trim());
    for (const { line, proof: text } of [proof, again])
      assert.ok(verifyProof(Buffer.from(line), text, pin).good);
    assert.deepEqual((await compact(log.store, log.at)).joined, [], 'once is enough');
  }));

test('what differs in class of holds, or is of today, is not joined', () =>
  withClock(async log => {
    for (const records of [3, 1, 5]) await log.seal(records);
    await log.hold({ segments: [[1, 1]] });
    assert.deepEqual((await compact(log.store, log.at)).joined, [], 'today is not over');
    log.pass(1);
    const { joined } = await compact(log.store, log.at);
    assert.deepEqual(
      joined.map(j => [j.segments, j.records]),
      [[2, 8]],
    );
    assert.deepEqual(log.history().inventory.files.get(0)!.segments, [0, 2]);
    assert.deepEqual(await log.findings(), []);
    assert.equal((await prove(log.store, '5')).segment, 2);
  }));

test('a dry run says the same and does nothing', () =>
  withClock(async log => {
    await threeDays(log);
    const files = log.files('records');
    const dry = await compact(log.store, { ...log.at, dryRun: true });
    assert.deepEqual(log.files('records'), files);
    const wet = await compact(log.store, log.at);
    assert.deepEqual(
      wet.joined.map(({ becomes: _becomes, ...j }) => j),
      dry.joined,
    );
  }));

test('an altered file is not joined: it is named, and all else is done', () =>
  withClock(async log => {
    await threeDays(log);
    const { inventory } = log.history();
    const path = recordsPath(log.store.at, inventory.files.get(1)!, inventory.get(1)!.at);
    const bytes = readFileSync(path);
    bytes[200]! ^= 1;
    writeFileSync(path, bytes);
    const { joined, leftOut } = await compact(log.store, log.at);
    assert.deepEqual(
      joined.map(j => j.day),
      ['2026-01-02'],
    );
    assert.deepEqual(
      leftOut.map(l => [l.day, l.code]),
      [['2026-01-01', 'PAYLOAD_ALTERED']],
    );
    assert.deepEqual(await log.findings(), ['PAYLOAD_ALTERED']);
    assert.deepEqual(
      readdirSync(join(log.store.at.store, 'open')).filter(n => n.startsWith('.tmp')),
      [],
    );
  }));

test('what this host can not do is an error of its own, and no file is blamed for it', () =>
  withClock(async log => {
    await threeDays(log);
    rmSync(join(log.store.keys.folder, 'log.key'));
    await assert.rejects(compact(log.store, log.at), { code: 'NO_KEYS' });
    assert.deepEqual(await log.findings(), []);
  }));

test('interrupted behind its entry, it is finished by the next writer; meanwhile nothing is called altered', () =>
  withClock(async log => {
    await threeDays(log);
    const kept = join(log.folder, 'kept');
    const records = join(log.store.at.store, 'records');
    cpSync(records, kept, { recursive: true });
    await compact(log.store, log.at);
    const files = log.files('records');
    cpSync(kept, records, { recursive: true });
    writeFileSync(untidyPath(log.store.at), '');
    const report = await log.verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.pending.filter(p => p.kind === 'leftover').length, 6);
    await log.seal(1);
    assert.deepEqual(log.files('records'), [...files, 'sealed_on=2026-01-03/00000007.parquet']);
    assert.ok(!existsSync(untidyPath(log.store.at)));
    assert.deepEqual(await log.findings(), []);
  }));

test('interrupted before its entry, nothing has happened: the next writer removes what was made', () =>
  withClock(async log => {
    await threeDays(log);
    const made = join(log.store.at.store, 'records', 'sealed_on=2026-01-01', '00000000.8.parquet');
    cpSync(made.replace('.8.', '.'), made);
    writeFileSync(untidyPath(log.store.at), '');
    assert.deepEqual(
      (await log.verify()).pending.map(p => p.kind),
      ['temporary', 'uncommitted'],
    );
    await log.seal(1);
    assert.ok(!existsSync(made));
    assert.deepEqual(await log.findings(), []);
  }));

test('an old file that is put back under its name is said, and goes with the next compaction', () =>
  withClock(async log => {
    await threeDays(log);
    const old = join(log.store.at.store, 'records', 'sealed_on=2026-01-01', '00000000.parquet');
    cpSync(old, join(log.folder, 'old'));
    await compact(log.store, log.at);
    cpSync(join(log.folder, 'old'), old);
    assert.deepEqual(
      (await log.verify()).pending.map(p => p.kind),
      ['leftover'],
    );
    await compact(log.store, log.at);
    assert.ok(!existsSync(old));
    assert.deepEqual((await log.verify()).pending, []);
  }));

test('a clock that is not the one of the file system takes no file that is being made for one that was left behind', () =>
  withClock(async log => {
    log.pass(2000);
    await threeDays(log);
    assert.equal((await compact(log.store, log.at)).joined.length, 2);
    assert.deepEqual(await log.findings(), []);
  }));
