import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { prune, type Pruned } from '../../src/prune/prune.ts';
import { prove } from '../../src/prove/prove.ts';
import { recordsPath, untidyPath } from '../../src/store/layout.ts';
import { type Clocked, withClock } from '../clocked.ts';

async function run(log: Clocked, more: object = {}): Promise<Pruned> {
  return (await prune(log.store, { ...log.at, clockIsRight: true, ...more })).pruned;
}

const numbers = (pruned: Pruned): number[] => pruned.segments.map(s => s.segment);

test('what is older than the maximum goes, with its rejected lines, and everything still verifies', () =>
  withClock(async log => {
    await log.days(10, 20);
    await log.sealText('{"ts":"2026-01-01T00:00:00Z"}\nbroken\n');
    const line = await prove(log.store, '0');
    log.pass(15);
    await log.seal(4);
    log.pass(6);
    const pruned = await run(log);
    assert.deepEqual(numbers(pruned), [0]);
    assert.deepEqual(
      [pruned.segments[0]!.rule, pruned.segments[0]!.due.slice(0, 10), pruned.kept, pruned.leftOut],
      ['max 20d of class default (policy 1)', '2026-01-21', [], []],
    );
    assert.deepEqual(
      [log.files('records'), log.files('quarantine')],
      [['sealed_on=2026-01-16/00000001.parquet'], []],
    );
    const { findings, pending, checked } = await log.verify();
    assert.deepEqual([findings, pending, checked.records, checked.pruned], [[], [], 4, 1]);
    await assert.rejects(prove(log.store, line.eventId), { code: 'NO_SUCH_RECORD' });
    await assert.rejects(prove(log.store, '0'), { code: 'RECORD_DELETED' });
    assert.deepEqual(numbers(await run(log)), [], 'once is enough');
  }));

test('a dry run says byte for byte what the real run says, and does nothing', () =>
  withClock(async log => {
    await log.days(10, 20);
    for (let day = 0; day < 4; day++, log.pass(1)) await log.seal(2);
    await log.hold({ segments: [[1, 1]] });
    log.pass(18);
    const files = log.files('records');
    const dry = await run(log, { dryRun: true });
    assert.deepEqual([log.files('records'), numbers(dry)], [files, [0, 2]]);
    assert.equal(JSON.stringify(await run(log)), JSON.stringify(dry));
    assert.deepEqual(
      dry.kept.map(k => [k.segment, k.kept_by]),
      [[1, 'hold 0000000a']],
    );
    assert.deepEqual(await log.findings(), []);
  }));

test('without a policy nothing may be deleted; what was sealed before one is kept by it unless it is retroactive', () =>
  withClock(async log => {
    await log.seal(1);
    await assert.rejects(run(log), { code: 'NO_POLICY' });
    await log.days(10, 20);
    log.pass(30);
    const pruned = await run(log);
    assert.deepEqual(numbers(pruned), []);
    assert.deepEqual(
      pruned.kept.map(k => k.kept_by),
      ['policy 0 keeps it for ever'],
    );
    await log.days(10, 20, { retroactive: true });
    log.pass(8);
    assert.deepEqual(numbers(await run(log)), [0]);
    assert.deepEqual(await log.findings(), []);
  }));

test('a policy that lets more go binds beside the one before it until its grace is over', () =>
  withClock(async log => {
    await log.days(30, 40);
    await log.seal(1);
    log.pass(20);
    await log.days(5, 10, { retroactive: true });
    assert.deepEqual(
      (await run(log)).kept.map(k => k.kept_by),
      ['policy 1 keeps it until 2026-01-31'],
    );
    log.pass(8);
    assert.deepEqual(numbers(await run(log)), [0]);
    assert.deepEqual(await log.findings(), []);
  }));

test('a released hold binds until the grace is over', () =>
  withClock(async log => {
    await log.days(1, 2);
    await log.seal(1);
    await log.hold({ span: { since: '2026-01-01T00:00:00.000000Z' } });
    log.pass(3);
    await log.release();
    assert.deepEqual(numbers(await run(log)), []);
    log.pass(8);
    assert.deepEqual(numbers(await run(log)), [0]);
    assert.deepEqual(await log.findings(), []);
  }));

test('--older-than reaches down to the minimum and no further', () =>
  withClock(async log => {
    await log.days(10, 100);
    await log.seal(1);
    log.pass(9);
    assert.deepEqual(
      (await run(log, { olderThan: 5 })).kept.map(k => k.kept_by),
      ['policy 1 keeps it until 2026-01-11'],
    );
    log.pass(2);
    assert.deepEqual(numbers(await run(log)), []);
    assert.deepEqual(numbers(await run(log, { olderThan: 10 })), [0]);
    assert.deepEqual(await log.findings(), []);
  }));

test('what was altered stays, as evidence, and is reported: an edit can not be pruned away', () =>
  withClock(async log => {
    await log.days(1, 2);
    await log.seal(2);
    await log.seal(2);
    const { inventory } = log.history();
    const path = recordsPath(log.store.at, inventory.files.get(0)!, inventory.get(0)!.at);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('x')]));
    log.pass(8);
    const pruned = await run(log);
    assert.deepEqual(
      [numbers(pruned), pruned.leftOut.map(l => [l.segment, l.code])],
      [[1], [[0, 'PAYLOAD_ALTERED']]],
    );
    assert.deepEqual(await log.findings(), ['PAYLOAD_ALTERED']);
  }));

test('of a joined file with a part under hold, the rest goes and the part stays whole', () =>
  withClock(async log => {
    await log.days(1, 5);
    for (const records of [2, 3, 4]) await log.seal(records);
    log.pass(1);
    await compact(log.store, log.at);
    await log.hold({ segments: [[1, 1]] });
    const held = await prove(log.store, '3');
    log.pass(6);
    assert.deepEqual(numbers(await run(log)), [0, 2]);
    const { inventory } = log.history();
    assert.deepEqual(
      inventory.payloadFiles().map(f => f.segments),
      [[1]],
    );
    const { findings, pending, checked } = await log.verify();
    assert.deepEqual([findings, pending, checked.records, checked.pruned], [[], [], 3, 6]);
    assert.equal((await prove(log.store, '3')).line, held.line);
  }));

test('a clock that stands behind the last entry, or far ahead of it, deletes nothing', () =>
  withClock(async log => {
    await log.days(1, 2);
    await log.seal(1);
    log.pass(30);
    await assert.rejects(run(log, { clockIsRight: false }), { code: 'CLOCK_DOUBTFUL' });
    log.pass(-31);
    await assert.rejects(run(log, { clockIsRight: false }), { code: 'CLOCK_DOUBTFUL' });
    assert.equal(log.files('records').length, 1);
  }));

test('a payload that is missing already is left out and reported', () =>
  withClock(async log => {
    await log.days(1, 2);
    await log.seal(2);
    rmSync(join(log.store.at.store, 'records'), { recursive: true });
    log.pass(8);
    assert.deepEqual(
      (await run(log)).leftOut.map(l => [l.segment, l.code]),
      [[0, 'PAYLOAD_MISSING']],
    );
    assert.deepEqual(await log.findings(), ['PAYLOAD_MISSING']);
  }));

test('a prune that was stopped behind its entry is finished by the next one, though nothing is due any more', () =>
  withClock(async log => {
    await log.days(1, 2);
    await log.seal(2);
    log.pass(8);
    const kept = join(log.folder, 'kept');
    cpSync(join(log.store.at.store, 'records'), kept, { recursive: true });
    await run(log);
    cpSync(kept, join(log.store.at.store, 'records'), { recursive: true });
    writeFileSync(untidyPath(log.store.at), '');
    await run(log, { dryRun: true });
    assert.equal(log.files('records').length, 1);
    assert.deepEqual(numbers(await run(log)), []);
    assert.deepEqual([log.files('records'), log.files('open')], [[], []]);
  }));
