import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatPin, type Pin } from '../../src/log/pin.ts';
import { instantOf } from '../../src/store/clock.ts';
import { readPin } from '../../src/store/keys.ts';
import { isAlteration } from '../../src/verify/finding.ts';
import { openToVerify } from '../../src/verify/opened.ts';
import { verify } from '../../src/verify/verify.ts';
import { withClock } from '../clocked.ts';
import { ATTACKS, box, pin, prepare, whole } from '../verify/attacks.ts';
import { DELETIONS, prepareDeletions } from '../verify/deletions.ts';
import { copyOf } from '../verify/forge.ts';

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

/** `now`: what it is to take for the present. */
function theirs(store: string, pinned: Pin, records: boolean, now?: string): Verdict {
  const clock = now === undefined ? [] : ['--now', now];
  const args = [PROGRAM, store, '--pin', formatPin(pinned), ...(records ? ['--records'] : []), ...clock];
  const done = spawnSync('python3', args, { encoding: 'utf8' });
  assert.equal(done.stderr, '');
  const verdict = JSON.parse(done.stdout) as Verdict;
  assert.equal(done.status, verdict.exit);
  return verdict;
}

/** Without keys, and without what a host remembers. */
async function ours(folder: string, pinned: Pin, records: boolean): Promise<Verdict> {
  const store = openToVerify(folder, join(box.folder, 'none'));
  const findings = 'code' in store ? [store] : (await verify(store, { records, pin: pinned })).findings;
  const exit = findings.some(isAlteration) ? 1 : findings.length > 0 ? 2 : 0;
  return { exit, findings: findings.map(f => ({ code: f.code, where: '' })) };
}

before(prepare);
after(() => box.remove());

test('the second verifier: an intact store', { skip }, async () => {
  assert.deepEqual([theirs(whole.store, pin, true).exit, (await ours(whole.store, pin, true)).exit], [0, 0]);
});

for (const [i, attack] of ATTACKS.entries())
  test(`the second verifier: ${attack.name}`, { skip }, async () => {
    const at = copyOf(whole, box.path(`copy-${i}`));
    await attack.run(at);
    const records = attack.records === true;
    const verdict = theirs(at.store, pin, records);
    assert.equal(verdict.exit, (await ours(at.store, pin, records)).exit, JSON.stringify(verdict.findings));
    rmSync(join(at.store, '..'), { recursive: true });
  });

/** What is said of entries by the words of both: deletions that are judged, and what rests on a clock or on rows. */
const JUDGED =
  /^(?:PRUNE|REDACT)_|^(?:ENTRY_FUTURE|SEGMENT_POLICY|RESTATED_WRONG|HOLD_UNKNOWN|RECORDS_MISMATCH)$/;
const judged = ({ findings }: Verdict): string[] =>
  [...new Set(findings.map(f => f.code))].filter(code => JUDGED.test(code)).toSorted();

for (const attack of DELETIONS)
  test(`the second verifier: ${attack.name}`, { skip }, () =>
    withClock(async log => {
      await prepareDeletions(log);
      const known = readPin(log.store.keys)!;
      await attack.run(log);
      const folder = log.store.at.store;
      for (const records of [false, true]) {
        const verdict = theirs(folder, known, records, instantOf(log.now));
        const own = await ours(folder, known, records);
        assert.deepEqual([verdict.exit, judged(verdict)], [own.exit, judged(own)]);
      }
    }),
  );
