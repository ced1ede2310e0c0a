import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePin } from '../../src/log/pin.ts';
import { formatProof, parseProof } from '../../src/log/proof.ts';
import { prove } from '../../src/prove/prove.ts';
import { proofExit, verifyProof } from '../../src/verify/proof.ts';
import { withClock } from '../clocked.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

interface Proved {
  readonly eventId: string;
  readonly seq: number;
  readonly line: string;
  readonly proof: string;
}

const proved = async (box: Sandbox, name: string): Promise<Proved> => {
  const run = await box.run(['prove', name, '--json']);
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as Proved;
};

const pinOf = async (box: Sandbox): Promise<string> =>
  (JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { pin: string }).pin;

async function filled(box: Sandbox): Promise<string> {
  for (const [i, count] of [7, 1, 100].entries())
    assert.equal((await box.run(['ingest'], nativeLines(count, i * 1000))).code, 0);
  // Nothing but rejects: a segment without records.
  assert.equal((await box.run(['ingest'], 'no json\n')).code, 3);
  const last = `{"ts":"2026-05-02T00:00:00Z","request_id":"\\ufeffé\\u0001\\"\\u2028","labels":{"a":"b"}}\n`;
  assert.equal((await box.run(['ingest'], last)).code, 0);
  return pinOf(box);
}

test('every kind of place has a proof that the pin alone checks, and whose line is the exported one', () =>
  withStore(async box => {
    const pin = parsePin(await filled(box));
    const all = await box.run([
      'query',
      'select seq, event_id from records order by seq',
      '--format',
      'ndjson',
    ]);
    const ids = all.stdout
      .trimEnd()
      .split('\n')
      .map(l => (JSON.parse(l) as { event_id: string }).event_id);
    assert.equal(ids.length, 109);
    for (const seq of [0, 6, 7, 8, 71, 107, 108]) {
      const byId = await proved(box, ids[seq]!);
      assert.deepEqual(await proved(box, String(seq)), byId);
      const result = verifyProof(Buffer.from(byId.line), byId.proof, pin);
      assert.ok(result.good, JSON.stringify(result));
      assert.deepEqual([result.seq, byId.seq, byId.eventId], [seq, seq, ids[seq]]);
      assert.deepEqual((JSON.parse(byId.line) as { event_id: string }).event_id, ids[seq]);
    }
  }));

test('no changed line, proof or pin is proved', () =>
  withStore(async box => {
    const pin = parsePin(await filled(box));
    const { line, proof } = await proved(box, '50');
    const other = await proved(box, '51');
    assert.equal(verifyProof(Buffer.from(other.line), proof, pin).good, false);
    assert.equal(verifyProof(Buffer.from(line), other.proof, pin).good, false);
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.integer({ min: 1, max: 127 }), (at, change) => {
        const bytes = Buffer.from(line);
        bytes[at]! ^= change;
        assert.equal(verifyProof(bytes, proof, pin).good, false);
      }),
    );
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.constantFrom('A', '0', ' ', '\n', 'é', ''), (at, put) => {
        const changed = proof.slice(0, at) + put + proof.slice(at + 1);
        fc.pre(changed !== proof);
        assert.equal(verifyProof(Buffer.from(line), changed, pin).good, false);
      }),
      { numRuns: 2000 },
    );
    const elsewhere = { ...pin, logKey: { ...pin.logKey, publicKey: Buffer.alloc(32, 7) } };
    const results = [elsewhere, { ...pin, logKey: { ...pin.logKey, name: 'other.example/log' } }].map(p =>
      verifyProof(Buffer.from(line), proof, p),
    );
    assert.deepEqual(
      results.map(r => !r.good && r.code),
      ['PROOF_SIGNATURE', 'PROOF_OF_ANOTHER_LOG'],
    );
    assert.deepEqual(results.map(proofExit), [1, 2]);
    assert.deepEqual(formatProof(parseProof(proof)), proof);
  }));

test('files are written beside each other, not over others, and checked where there is no store', () =>
  withStore(async box => {
    const pin = await filled(box);
    const run = await box.run(['prove', '3']);
    const [record, proof] = run.stdout.trimEnd().split('\n') as [string, string];
    assert.deepEqual([existsSync(box.path(record)), existsSync(box.path(proof))], [true, true]);
    assert.equal((await box.run(['prove', '3'])).code, 2);
    assert.equal((await box.run(['prove', '3', '--force'])).code, 0);
    const made = await box.run(['prove', '3', '-o', box.path('new', 'evidence')]);
    assert.equal(made.code, 0, made.stderr);
    assert.ok(existsSync(box.path('new', 'evidence', record)));
    const elsewhere = ['--store', box.path('none'), '--keys', box.path('none')];
    const good = await box.run(['verify', ...elsewhere, '--pin', pin, '--proof', box.path(proof)]);
    assert.deepEqual(
      [good.code, /^proved {3}record 3, in segment 0/.test(good.stdout)],
      [0, true],
      good.stderr,
    );
    const unpinned = await box.run(['verify', ...elsewhere, '--proof', box.path(proof)]);
    assert.deepEqual([unpinned.code, /give the pin/.test(unpinned.stderr)], [2, true]);
    writeFileSync(box.path(record), readFileSync(box.path(record), 'utf8').replace('u-3', 'u-4'));
    const changed = await box.run(['verify', '--proof', box.path(proof)]);
    assert.deepEqual([changed.code, changed.stdout.slice(0, 21)], [1, 'ALTERED  PROOF_RECORD']);
    writeFileSync(box.path(proof), 'a shopping list\n');
    const none = await box.run(['verify', '--proof', box.path(proof)]);
    assert.deepEqual([none.code, none.stdout.slice(0, 24)], [2, 'UNKNOWN  PROOF_MALFORMED']);
    for (const name of ['999', 'x', '00000000-0000-8000-8000-000000000000'])
      assert.equal((await box.run(['prove', name])).code, 2, name);
  }));

test('records that are missing are called missing, and those that were altered altered; the answer is 1', () =>
  withClock(async log => {
    for (const count of [1, 2]) await log.seal(count);
    const [first, second] = log.files('records').map(name => join(log.store.at.store, 'records', name));
    writeFileSync(first!, readFileSync(second!));
    rmSync(second!);
    await assert.rejects(prove(log.store, '0'), { code: 'PAYLOAD_ALTERED', exit: 1 });
    await assert.rejects(prove(log.store, '2'), { code: 'PAYLOAD_MISSING', exit: 1 });
  }));
