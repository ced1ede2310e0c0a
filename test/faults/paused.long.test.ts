import assert from 'node:assert/strict';
import { rmSync, watch } from 'node:fs';
import { test } from 'node:test';
import { sealedRows } from '../parquet.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

const ROUNDS = process.env['SLMAUDIT_FAULTS'] === 'all' ? 40 : 2;
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** Resolves when something appears in the folder; the moment is a little different each time. */
async function stirs(folder: string): Promise<void> {
  const watcher = watch(folder);
  const seen = new Promise<void>(resolve => watcher.on('change', () => resolve()));
  await Promise.race([seen, pause(4000)]);
  watcher.close();
  await pause(Math.random() * 8);
}

test(`a sealer that is stopped while it commits, and wakes when another has gone on: ${ROUNDS} times`, () =>
  withStore(async box => {
    let sent = 0;
    let kept = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { child, done, output } = box.start([
        'ingest',
        '--acks',
        '--seal-every',
        '200ms',
        '--lock-wait',
        '5s',
      ]);
      const from = sent;
      const feeding = setInterval(() => {
        child.stdin.write(nativeLines(10, sent));
        sent += 10;
      }, 20);
      await pause(500 + Math.random() * 300);
      await stirs(`${box.keys}/test.example+log/staged`);
      child.kill('SIGSTOP');
      clearInterval(feeding);
      // An operator who takes it for dead and removes its lock.
      rmSync(`${box.store}/lock`, { force: true });
      const other = await box.run(['ingest'], nativeLines(1, 1_000_000 + round));
      assert.ok(other.code === 0 || other.code === 75, other.stderr);
      if (other.code === 0) kept++;
      child.kill('SIGCONT');
      child.stdin.end();
      const woken = await done;
      assert.ok([0, 1, 2, 75].includes(woken.code ?? -1), woken.stderr);
      await settled(box, round, from, acknowledged(output()), kept);
    }
  }));

const acknowledged = (output: string): number =>
  Number([...output.matchAll(/"acknowledged":(\d+)/g)].at(-1)?.[1] ?? 0);

async function settled(
  box: Sandbox,
  round: number,
  from: number,
  acks: number,
  others: number,
): Promise<void> {
  const sealed = await box.run(['seal']);
  assert.equal(sealed.code, 0, sealed.stderr);
  const verify = await box.run(['verify', '--records', '--format', 'json']);
  assert.equal(verify.code, 0, `round ${round}: ${verify.stdout}`);
  const ids = (await sealedRows(box.store, ['request_id'])).map(row =>
    Number(String(row['request_id']).slice(2)),
  );
  assert.equal(new Set(ids).size, ids.length, `round ${round}: a record is there twice`);
  assert.equal(
    ids.filter(id => id >= from && id < from + acks).length,
    acks,
    `round ${round}: acknowledged and lost`,
  );
  assert.ok(ids.filter(id => id >= 1_000_000).length >= others);
}
