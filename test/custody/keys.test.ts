import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rekeyLines } from '../../src/log/rekey.ts';
import { appendEntry } from '../verify/forge.ts';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

interface Case {
  readonly box: Sandbox;
  /** Folder of the store's own keys. */
  readonly keys: string;
  readonly pin: string;
  readonly recovery: string;
}

const made = new Sandbox();
let printed: { readonly pin: string; readonly recovery: string };

/** A store with a recovery key and two segments. */
before(async () => {
  const run = await made.run(['init', '--origin', 'test.example/log', '--format', 'json']);
  printed = JSON.parse(run.stdout) as typeof printed;
  for (const first of [0, 10]) await ingest(made, first);
});
after(() => made.remove());

/** On a copy of it. */
async function withRecovery(work: (one: Case) => Promise<void>): Promise<void> {
  const box = new Sandbox();
  try {
    cpSync(made.store, box.store, { recursive: true });
    cpSync(made.keys, box.keys, { recursive: true });
    writeFileSync(box.path('recovery.txt'), `${printed.recovery}\n`);
    await work({
      box,
      keys: join(box.keys, 'test.example+log'),
      pin: printed.pin,
      recovery: box.path('recovery.txt'),
    });
  } finally {
    box.remove();
  }
}

const ingest = async (box: Sandbox, first: number): Promise<void> => {
  const run = await box.run(['ingest'], nativeLines(3, first));
  assert.equal(run.code, 0, run.stderr);
};
const recover = ({ box, recovery }: Case, ...more: string[]): Promise<Run> =>
  box.run(['key', 'recover', '--recovery-key', recovery, ...more]);
const loseEpoch = ({ keys }: Case): void => rmSync(join(keys, 'epoch', '3.key'));
const codes = (run: Run): string[] =>
  (JSON.parse(run.stdout) as { findings: { code: string }[] }).findings.map(f => f.code);

test('the epoch key is lost: nothing is sealed, the sentence says what to do, the recovery key lets the log go on', () =>
  withRecovery(async one => {
    const { box, pin } = one;
    loseEpoch(one);
    const refused = await box.run(['ingest'], nativeLines(3, 20));
    assert.deepEqual(
      [refused.code, /key of entry 3[^]*slmaudit key status/.test(refused.stderr)],
      [2, true],
      refused.stderr,
    );
    const status = await box.run(['key', 'status']);
    assert.deepEqual(
      [status.code, /nothing sealed is lost; get the recovery key/.test(status.stderr)],
      [2, true],
    );
    assert.match(status.stdout, /^epoch {4}missing$/m);

    assert.equal((await recover(one)).code, 0);
    assert.equal((await box.run(['key', 'status'])).code, 0);
    // What the refused run had made durable is sealed now, and more can be.
    await ingest(box, 30);
    const verified = await box.run(['verify', '--records', '--pin', pin, '--format', 'json']);
    assert.deepEqual([verified.code, codes(verified)], [4, ['REKEYED']]);
    const said = await box.run(['verify', '--pin', pin]);
    assert.match(
      said.stdout,
      /^NOTE {5}REKEYED .* \(entry 3\): found the key before was lost\nintact {3}6 entries, 12 records$/m,
    );
    assert.match((await box.run(['query', 'select count(*) n from records'])).stdout, /"n":12/);
    assert.equal((await box.run(['prove', '11'])).code, 0);
    assert.equal(readdirSync(join(one.keys, 'epoch')).length, 1);
  }));

test('the key folder comes back from an older backup: the old epoch key is of no use, the recovery key is', () =>
  withRecovery(async one => {
    const { box, keys } = one;
    cpSync(keys, box.path('backup'), { recursive: true });
    await ingest(box, 20);
    rmSync(keys, { recursive: true });
    cpSync(box.path('backup'), keys, { recursive: true });
    assert.equal((await box.run(['ingest'], nativeLines(1, 40))).code, 2);
    assert.match((await box.run(['key', 'status'])).stderr, /the key of the next entry is lost/);
    assert.equal((await recover(one)).code, 0);
    await ingest(box, 50);
    assert.deepEqual(codes(await box.run(['verify', '--records', '--format', 'json'])), ['REKEYED']);
  }));

test('on another host, with the store and copies of log.key and record.key alone, the recovery key lets the log go on', () =>
  withRecovery(async one => {
    const { box, keys, pin } = one;
    cpSync(keys, box.path('before'), { recursive: true });
    rmSync(keys, { recursive: true });
    const bare = await box.run(['key', 'status']);
    assert.match(bare.stderr, /bring log\.key back from the copy/);
    const refused = await recover(one);
    assert.deepEqual([refused.code, /log\.key is not there/.test(refused.stderr)], [2, true], refused.stderr);
    mkdirSync(keys, { mode: 0o700 });
    for (const name of ['log.key', 'record.key']) cpSync(box.path('before', name), join(keys, name));
    // Nor do copies of files alone have the folders that were empty.
    for (const name of ['open', 'quarantine']) rmSync(join(box.store, name), { recursive: true });
    const lost = await box.run(['ingest'], nativeLines(1, 40));
    assert.deepEqual([lost.code, /key of entry 3/.test(lost.stderr)], [2, true], lost.stderr);
    assert.match((await box.run(['status'])).stdout, /^keys {5}.*test\.example\+log$/m);
    const recovered = await recover(one);
    assert.equal(recovered.code, 0, recovered.stderr);
    await ingest(box, 50);
    const verified = await box.run(['verify', '--format', 'json']);
    assert.deepEqual([verified.code, codes(verified)], [4, ['REKEYED']]);
    assert.ok((await box.run(['status'])).stdout.includes(`\npin      ${pin}\n`));
  }));

test('the store comes back from an older backup: nothing is written, and the sentence says how much is lost', () =>
  withRecovery(async one => {
    const { box } = one;
    cpSync(box.store, box.path('backup'), { recursive: true });
    await ingest(box, 20);
    rmSync(box.store, { recursive: true });
    cpSync(box.path('backup'), box.store, { recursive: true });
    const run = await box.run(['ingest'], nativeLines(1, 40));
    assert.deepEqual([run.code, /is older than its keys/.test(run.stderr)], [1, true]);
    assert.match((await box.run(['key', 'status'])).stderr, /1 entry lost with what they held/);
    const recovered = await recover(one);
    assert.deepEqual([recovered.code, /is older than its keys/.test(recovered.stderr)], [1, true]);
  }));

test('a leaked epoch key is replaced, and what its thief signs from then on is no entry', () =>
  withRecovery(async one => {
    const { box, keys, pin } = one;
    cpSync(keys, box.path('stolen', 'keys', 'test.example+log'), { recursive: true });
    cpSync(box.store, box.path('stolen', 'store'), { recursive: true });
    const nothing = await recover(one);
    assert.deepEqual([nothing.code, /is the right one/.test(nothing.stderr)], [2, true]);
    assert.equal((await recover(one, '--reason', 'leaked')).code, 0);
    await ingest(box, 20);
    // The thief goes on from the copy: another log, which shows where the two are compared.
    const thief = ['--store', box.path('stolen', 'store'), '--keys', box.path('stolen', 'keys')];
    for (const first of [60, 70, 80])
      assert.equal((await box.run(['ingest', ...thief], nativeLines(1, first))).code, 0);
    assert.equal((await box.run(['verify', '--pin', pin])).code, 4);
    const theirs = await box.run(['verify', '--pin', pin, '--format', 'json', ...thief]);
    assert.deepEqual([theirs.code, codes(theirs)], [1, ['FORK']]);
  }));

test('a rekey that the recovery key did not sign is one more entry under a wrong key', () =>
  withRecovery(async ({ box, pin }) => {
    appendEntry({ store: box.store, keys: box.keys, heads: '' }, last => ({
      kind: 'rekey',
      version: 1,
      at: last.at,
      lines: rekeyLines('lost'),
    }));
    const run = await box.run(['verify', '--pin', pin, '--format', 'json']);
    assert.deepEqual([run.code, codes(run)], [1, ['ENTRY_SIGNATURE', 'REKEYED']]);
  }));

test('no other key recovers a log, and one without a recovery key says what is left to do', () =>
  withRecovery(async one => {
    const { box } = one;
    loseEpoch(one);
    const other = await box.run([
      'init',
      '--origin',
      'test.example/other',
      '--format',
      'json',
      '--store',
      box.path('o'),
      '--keys',
      box.path('k'),
    ]);
    writeFileSync(box.path('other.txt'), (JSON.parse(other.stdout) as { recovery: string }).recovery);
    const wrong = await box.run(['key', 'recover', '--recovery-key', box.path('other.txt')]);
    assert.deepEqual(
      [wrong.code, /not the recovery key of test\.example\/log/.test(wrong.stderr)],
      [2, true],
    );
    writeFileSync(box.path('other.txt'), 'PRIVATE+KEY+what');
    const strange = await box.run(['key', 'recover', '--recovery-key', box.path('other.txt')]);
    assert.deepEqual([strange.code, /PRIVATE\+KEY\+what/.test(strange.stderr)], [2, false]);

    const bare = ['--store', box.path('bare'), '--keys', box.path('bare-keys')];
    assert.equal(
      (await box.run(['init', '--no-recovery', '--origin', 'test.example/bare', ...bare])).code,
      0,
    );
    rmSync(join(box.path('bare-keys'), 'test.example+bare', 'epoch', '1.key'));
    const none = await box.run(['key', 'recover', '--recovery-key', one.recovery, ...bare]);
    assert.deepEqual([none.code, /names no recovery key/.test(none.stderr)], [2, true]);
    assert.match((await box.run(['key', 'status', ...bare])).stderr, /begin a new store/);
    rmSync(join(box.path('bare-keys'), 'test.example+bare', 'log.key'));
    assert.match((await box.run(['key', 'status', ...bare])).stderr, /the log key is lost/);
  }));

test('record keys are rotated: both periods can be searched and opened, a file is known across, until one is destroyed', () =>
  withRecovery(async ({ box, pin }) => {
    const line = (n: number): string =>
      `{"ts":"2026-05-01T00:00:0${n}Z","request_id":"q${n}","prompt":"what is up"}\n`;
    writeFileSync(box.path('a.ndjson'), line(1));
    assert.equal((await box.run(['ingest', box.path('a.ndjson')])).code, 0);
    assert.equal((await box.run(['ingest'], 'rejected before\n')).code, 3);
    const rotated = await box.run(['key', 'rotate']);
    assert.match(rotated.stderr, /^record key [0-9a-f]{8} from entry 5 on; [0-9a-f]{8} stays/);
    const [, id, old] = /key (\w+) .* on; (\w+) stays/.exec(rotated.stderr)!;

    writeFileSync(box.path('a.ndjson'), line(1) + line(2));
    const again = await box.run(['ingest', '--json', box.path('a.ndjson')]);
    assert.deepEqual([again.code, (JSON.parse(again.stdout) as { records: number }).records], [0, 1]);
    assert.equal((await box.run(['ingest'], 'rejected after\n')).code, 3);
    const hashes = (await box.run(['hash', '--text', 'what is up', '--format', 'ndjson'])).stdout
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l) as { column: string; hash: string; key: string });
    assert.deepEqual([...new Set(hashes.map(h => h.key))], [id, old]);
    const found = async (key: string): Promise<string> => {
      const { hash } = hashes.find(h => h.key === key && h.column === 'prompt_hash')!;
      return (
        await box.run([
          'query',
          `select request_id, hash_alg from records where prompt_hash = '${hash}'`,
          '--format',
          'csv',
        ])
      ).stdout;
    };
    assert.match(await found(old!), new RegExp(`\nq1,hmac-sha256:${old}:c1\n$`));
    assert.match(await found(id!), new RegExp(`\nq2,hmac-sha256:${id}:c1\n$`));
    assert.equal((await box.run(['quarantine', 'show', '3.1'])).stdout, 'rejected before\n');

    const verified = await box.run(['verify', '--records', '--pin', pin]);
    assert.equal(verified.code, 0, verified.stdout);
    assert.equal((await box.run(['key', 'destroy', id!, '--yes'])).code, 2);
    assert.equal((await box.run(['key', 'destroy', 'ffffffff', '--yes'])).code, 2);
    assert.equal((await box.run(['key', 'destroy', old!])).code, 2);
    assert.equal((await box.run(['key', 'destroy', old!, '--yes'])).code, 0);
    assert.match((await box.run(['key', 'status'])).stdout, new RegExp(`^record {3}${id}$`, 'm'));
    const closed = await box.run(['quarantine', 'show', '3.1']);
    assert.deepEqual(
      [closed.code, /no record key of this host opens this line/.test(closed.stderr)],
      [2, true],
    );
    assert.equal((await box.run(['quarantine', 'show', '5.1'])).stdout, 'rejected after\n');
    assert.equal((await box.run(['verify', '--records', '--pin', pin])).code, 0);
  }));
