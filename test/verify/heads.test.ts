import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openStore } from '../../src/store/store.ts';
import type { Report } from '../../src/verify/finding.ts';
import { verify as verifyStore } from '../../src/verify/verify.ts';
import { nativeLines, type Run, type Sandbox, withStore } from '../sandbox.ts';

const ingest = async (box: Sandbox, first: number): Promise<void> => {
  assert.equal((await box.run(['ingest'], nativeLines(3, first))).code, 0);
};
const report = (run: Run): Report => JSON.parse(run.stdout) as Report;
const verify = (box: Sandbox, ...more: string[]): Promise<Run> =>
  box.run(['verify', '--format', 'json', ...more]);

test("an auditor's copy of a head: extended, cut off, or of another log", () =>
  withStore(async box => {
    await ingest(box, 0);
    cpSync(`${box.store}/log/checkpoint`, box.path('head1'));
    await ingest(box, 10);
    const good = report(await verify(box, '--since-head', box.path('head1')));
    assert.deepEqual([good.findings, good.extends], [[], { size: 2, kept: 'given' }]);

    // Only the given head is beside the store: keys and state are of before.
    cpSync(`${box.store}/log/checkpoint`, box.path('head2'));
    const at = box.path('old');
    cpSync(box.store, at, { recursive: true });
    await ingest(box, 20);
    cpSync(`${box.store}/log/checkpoint`, box.path('head3'));
    const args = ['--store', at, '--keys', box.path('none')];
    const { pin } = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { pin: string };
    rmSync(box.path('.local'), { recursive: true });
    const cut = report(await verify(box, ...args, '--pin', pin, '--since-head', box.path('head3')));
    assert.deepEqual(
      cut.findings.map(f => f.code),
      ['ROLLBACK'],
    );

    writeFileSync(box.path('head4'), readFileSync(box.path('head2'), 'utf8').replace(/\n3\n/, '\n2\n'));
    const forged = report(await verify(box, '--since-head', box.path('head4')));
    assert.deepEqual(
      forged.findings.map(f => f.code),
      ['HEAD_SIGNATURE'],
    );
    writeFileSync(box.path('head5'), 'what is this');
    const strange = await verify(box, '--since-head', box.path('head5'));
    assert.deepEqual([strange.code, report(strange).findings[0]?.code], [2, 'HEAD_UNREADABLE']);

    // What is remembered here was damaged: no fork of it, and the head that the auditor has kept counts all the same.
    assert.equal((await verify(box)).code, 0);
    const heads = box.path('.local', 'state', 'slmaudit', 'heads');
    const [remembered] = readdirSync(heads);
    const root = /\n(\S{8})\S*\n\n/;
    const text = readFileSync(`${heads}/${remembered}`, 'utf8');
    writeFileSync(
      `${heads}/${remembered}`,
      text.replace(root, m => m.replace(root.exec(m)![1]!, 'AAAAAAAA')),
    );
    const damaged = await verify(box);
    assert.deepEqual([damaged.code, report(damaged).findings.map(f => f.code)], [2, ['HEAD_UNREADABLE']]);
    const both = await verify(box, '--store', at, '--since-head', box.path('head3'));
    assert.deepEqual(
      report(both)
        .findings.map(f => f.code)
        .sort(),
      ['HEAD_UNREADABLE', 'ROLLBACK'],
    );
  }));

test('two histories of one log leave evidence that the log key alone checks', () =>
  withStore(async box => {
    await ingest(box, 0);
    // A copy of store and keys goes on by itself: what a thief, or a restored backup, makes.
    const [store, keys] = [box.path('fork', 'store'), box.path('fork', 'keys')];
    cpSync(box.store, store, { recursive: true });
    cpSync(box.keys, keys, { recursive: true });
    await ingest(box, 10);
    assert.equal((await verify(box)).code, 0);
    const there = ['--store', store, '--keys', keys];
    for (const first of [20, 30])
      assert.equal((await box.run(['ingest', ...there], nativeLines(3, first))).code, 0);
    const forked = await verify(box, ...there);
    assert.deepEqual([forked.code, report(forked).findings.map(f => f.code)], [1, ['FORK']]);
    const heads = box.path('.local', 'state', 'slmaudit', 'heads');
    const evidence = `${heads}/${readdirSync(heads).find(name => name.startsWith('fork-'))}`;
    assert.match(forked.stderr, /verify --fork/);

    const { pin } = JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { pin: string };
    const checked = await box.run(['verify', '--fork', evidence, '--pin', pin, '--store', box.path('none')]);
    assert.deepEqual([checked.code, checked.stdout.startsWith('FORK ')], [1, true]);
    for (const change of [
      (text: string) => text.replace(/"rootThen": ".{4}/, '"rootThen": "AAAA'),
      (text: string) => text.replace(/\\n4\\n/, '\\n3\\n'),
      () => '{}',
    ]) {
      writeFileSync(box.path('evidence'), change(readFileSync(evidence, 'utf8')));
      assert.equal((await box.run(['verify', '--fork', box.path('evidence'), '--pin', pin])).code, 2);
    }
  }));

test('a range opens its payloads only, and says so; a report is kept as evidence', () =>
  withStore(async box => {
    for (const first of [0, 100_000, 200_000]) await ingest(box, first);
    const payload = box.files().find(f => f.endsWith('00000001.parquet'))!;
    writeFileSync(`${box.store}/${payload}`, 'gone');
    for (const [args, code, segments] of [
      [['--segment', '0'], 0, 1],
      [['--segment', '1-2'], 1, 2],
      [['--until', '2026-05-01T12:00:00Z'], 0, 1],
      [['--since', '2026-05-02'], 1, 2],
      [['--since', '2026-05-03T00:00:00Z', '--until', '2026-05-09'], 0, 1],
    ] as const) {
      const run = await verify(box, ...args, '--report', box.path('report.json'));
      const { checked } = report(run);
      assert.deepEqual(
        [run.code, checked.segments, checked.passedOver],
        [code, segments, 3 - segments],
        args.join(' '),
      );
      assert.deepEqual(JSON.parse(readFileSync(box.path('report.json'), 'utf8')), JSON.parse(run.stdout));
    }
    for (const args of [
      ['--segment', '7'],
      ['--since', '2030-01-01'],
      ['--since', 'soon'],
      ['--segment', '3-1'],
    ])
      assert.equal((await verify(box, ...args)).code, 2, args.join(' '));
  }));

test('a checkpoint that is exchanged while it is verified hides no rollback', () =>
  withStore(async box => {
    await ingest(box, 0);
    cpSync(box.store, box.path('old'), { recursive: true });
    await ingest(box, 10);
    const newer = readFileSync(`${box.store}/log/checkpoint`, 'utf8');
    rmSync(box.store, { recursive: true });
    cpSync(box.path('old'), box.store, { recursive: true });
    const older = readFileSync(`${box.store}/log/checkpoint`, 'utf8');
    for (const shown of [newer, newer.replace(/\n3\n/, '\n99\n')]) {
      const { findings } = await verifyStore(openStore(box.store, box.keys), {
        records: false,
        // The one who wrote it back puts another one there for as long as it counts.
        onProgress: ({ what }) =>
          writeFileSync(`${box.store}/log/checkpoint`, what === 'entry' ? shown : older),
      });
      assert.deepEqual(
        findings.map(f => f.code),
        ['ROLLBACK'],
      );
    }
  }));
