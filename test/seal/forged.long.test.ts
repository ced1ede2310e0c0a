import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { canonicalLine } from '../../src/record/canonical.ts';
import { formatFrame, headerFrame, markFrame, recordFrame, sourceFrame } from '../../src/store/frame.ts';
import { begunIn } from '../begun.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

const NONE = { blank: 0, not_a_request: 0, part: 0 };

/** Open segments of writers that seem to have died, as someone alters them who can write the store and nothing else. */
const ID = 'ab'.repeat(16);
const LINE = canonicalLine({
  v: 1,
  event_id: '0'.repeat(8) + '-0000-8000-8000-' + '0'.repeat(12),
  event_type: 'inference',
  ts: '2026-05-01T00:00:00.000000Z',
  ts_quality: 'exact',
  source_id: 's',
  source_format: 'native',
  status: 'ok',
});
const ABOUT = { name: 's', stream: 'cd'.repeat(16), kind: 'file', from: 0 } as const;

const body =
  sourceFrame(0, ABOUT) +
  recordFrame(0, 10, LINE) +
  markFrame(0, 10, { ...NONE, read: 1, digest: '0'.repeat(64) });

async function works(box: Sandbox): Promise<void> {
  assert.equal((await box.run(['ingest'], nativeLines(2))).code, 0);
  assert.equal((await box.run(['verify', '--records'])).code, 0);
  assert.equal((await box.run(['query', 'select count(*) from records'])).code, 0);
  assert.equal((await box.run(['status'])).code, 0);
}

for (const [what, change] of [
  ['a batch that is no id', { batch: 'x y' }],
  ['a batch that is a path', { batch: '../../victim/x' }],
  ["another segment's batch", { batch: 'ef'.repeat(16) }],
  ['the name of another log', { origin: 'other.example/log' }],
  ['a time that is none', { at: 'yesterday' }],
  ['a size that is no count', { since: 0.5 }],
] as const) {
  test(`an open segment with ${what} is left alone and said, and the store goes on`, () =>
    withStore(async box => {
      mkdirSync(box.path('victim'));
      writeFileSync(box.path('victim', 'x.parquet'), 'mine');
      writeFileSync(
        `${box.store}/open/${ID}.open`,
        headerFrame(begunIn(box, { batch: ID, ...change })) + body,
      );
      const seal = await box.run(['seal']);
      assert.deepEqual([seal.code, /damaged header/.test(seal.stderr)], [0, true]);
      assert.ok(existsSync(box.path('victim', 'x.parquet')));
      await works(box);
    }));
}

for (const [what, frame] of [
  ['a digest that is none', markFrame(0, 10, { ...NONE, read: 1, digest: 'zz' })],
  ['a count that is none', markFrame(0, 10, { ...NONE, read: 1.5 })],
  ['a class that is no word', recordFrame(0, 10, LINE, 'BAD CLASS')],
  ['the class default, which is never said', formatFrame(`"s":0,"o":10,"k":"default","r":${LINE}}`)],
  ['a source without a name', sourceFrame(0, { ...ABOUT, name: '' })],
  ['a source from nowhere', sourceFrame(0, { ...ABOUT, from: -1 })],
] as const) {
  test(`a frame with ${what} counts as damaged`, () =>
    withStore(async box => {
      writeFileSync(
        `${box.store}/open/${ID}.open`,
        headerFrame(begunIn(box, { batch: ID })) + body + frame + body.slice(body.lastIndexOf('{"c"')),
      );
      assert.equal((await box.run(['seal'])).code, 0);
      await works(box);
    }));
}

test('a manifest that would be longer than an entry is never decided; the segment is set aside', () =>
  withStore(async box => {
    const many = Array.from({ length: 600 }, (_, i) => {
      const about = { ...ABOUT, name: `s${i}`, stream: i.toString(16).padStart(32, '0') };
      return (
        sourceFrame(i, about) +
        recordFrame(i, 10, LINE) +
        markFrame(i, 10, { ...NONE, read: 1, digest: '0'.repeat(64) })
      );
    });
    writeFileSync(`${box.store}/open/${ID}.open`, headerFrame(begunIn(box, { batch: ID })) + many.join(''));
    const seal = await box.run(['seal']);
    assert.equal(seal.code, 0, seal.stderr);
    assert.match(seal.stderr, /could not be sealed/);
    await works(box);
  }));

test('a copy of an open segment under another name, and a pipe in its place, stop nobody', () =>
  withStore(async box => {
    const { child, done, output } = box.start(['ingest', '--acks', '--seal-every', '1h']);
    child.stdin.write(nativeLines(3, 50));
    while (!output().includes('"acknowledged":3')) await new Promise(r => setTimeout(r, 20));
    const [name] = readdirSync(`${box.store}/open`);
    copyFileSync(`${box.store}/open/${name}`, `${box.store}/open/${ID}.open`);
    if (process.platform !== 'win32') execFileSync('mkfifo', [`${box.store}/open/${'12'.repeat(16)}.open`]);
    const asked = await box.run(['query', 'select count(*) n from records', '--format', 'csv']);
    assert.equal(asked.stdout, 'n\n3\n');
    child.stdin.end();
    assert.equal((await done).code, 0);
    await works(box);
  }));
