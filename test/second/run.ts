import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatPin } from '../../src/log/pin.ts';
import { isAlteration } from '../../src/verify/finding.ts';
import { openToVerify, verify } from '../../src/verify/verify.ts';
import { ATTACKS, box, pin, prepare, whole } from '../verify/attacks.ts';
import { copyOf, type Place } from '../verify/forge.ts';

/**
 * verify.py, written from SPEC.md in another language, and verify come to the same verdict on every attack, with the
 * pin alone (SPEC 9 without step 10, which is about what a host remembers).
 */
const PROGRAM = join(process.cwd(), 'test', 'second', 'verify.py');
const has = (module: string): boolean => spawnSync('python3', ['-c', `import ${module}`]).status === 0;
const missing = ['cryptography', 'pyarrow'].filter(module => !has(module));
const skip = missing.length > 0 ? `python3 lacks ${missing.join(' and ')}` : false;

interface Verdict {
  readonly exit: number;
  readonly findings: readonly { readonly code: string; readonly where: string }[];
}

function theirs(at: Place, records: boolean): Verdict {
  const args = [PROGRAM, at.store, '--pin', formatPin(pin), ...(records ? ['--records'] : [])];
  const done = spawnSync('python3', args, { encoding: 'utf8' });
  assert.equal(done.stderr, '');
  const verdict = JSON.parse(done.stdout) as Verdict;
  assert.equal(done.status, verdict.exit);
  return verdict;
}

async function ours(at: Place, records: boolean): Promise<number> {
  const store = openToVerify(at.store, join(at.keys, 'none'));
  const findings = 'code' in store ? [store] : (await verify(store, { records, pin })).findings;
  return findings.some(isAlteration) ? 1 : findings.length > 0 ? 2 : 0;
}

before(prepare);
after(() => box.remove());

test('the second verifier: an intact store', { skip }, async () => {
  assert.deepEqual([theirs(whole, true).exit, await ours(whole, true)], [0, 0]);
});

for (const [i, attack] of ATTACKS.entries())
  test(`the second verifier: ${attack.name}`, { skip }, async () => {
    const at = copyOf(whole, box.path(`copy-${i}`));
    await attack.run(at);
    const records = attack.records === true;
    const verdict = theirs(at, records);
    assert.equal(verdict.exit, await ours(at, records), JSON.stringify(verdict.findings));
    rmSync(join(at.store, '..'), { recursive: true });
  });
