import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { VIEW_NAMES } from '../../src/record/schema.ts';
import { nativeLines, Sandbox, type Started } from '../sandbox.ts';

const box = new Sandbox();

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['ingest'], nativeLines(3));
});

after(() => box.remove());

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const end = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < end, `waited for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 30));
  }
};

const idsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => (JSON.parse(line) as { request_id: string }).request_id);

test('records of running ingests appear once each, across seals and writers, until a Ctrl-C that answers 0', async () => {
  const follow = (...args: readonly string[]): Started => box.start(['search', '--follow', ...args]);
  const all = follow('--since', '2026-05-01', '--columns', 'request_id');
  await until('what is there already', () => idsOf(all.output()).length === 3);
  const fresh = follow('--user', 'u-4');
  // It passes over what is there; there is no telling from outside when it has looked.
  await new Promise(resolve => setTimeout(resolve, 2500));

  const writer = box.start(['ingest', '--acks', '--seal-every', '1h']);
  writer.child.stdin.write(nativeLines(4, 3));
  await until('open records', () => idsOf(all.output()).length === 7);
  const other = await box.run(['ingest', '--source', 'other'], nativeLines(4, 7));
  assert.equal(other.code, 0);
  await until('another writer, sealed', () => idsOf(all.output()).length === 11);
  writer.child.stdin.end(nativeLines(3, 11));
  assert.equal((await writer.done).code, 0);
  await until('the sealed rest', () => idsOf(all.output()).length === 14);
  // One more look, which must find nothing new.
  await new Promise(resolve => setTimeout(resolve, 2500));

  const began = performance.now();
  all.child.kill('SIGINT');
  fresh.child.kill('SIGINT');
  const [everything, some] = await Promise.all([all.done, fresh.done]);
  assert.ok(performance.now() - began < 20_000, 'it stops at once');
  assert.deepEqual([everything.code, some.code], [0, 0], everything.stderr);
  assert.deepEqual(idsOf(everything.stdout).sort(), Array.from({ length: 14 }, (_, n) => `r-${n}`).sort());
  assert.deepEqual(idsOf(some.stdout), ['r-4', 'r-11']);
  assert.deepEqual(Object.keys(JSON.parse(some.stdout.split('\n')[0]!) as object), VIEW_NAMES);
});
