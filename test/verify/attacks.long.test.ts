import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { reportLines } from '../../src/cli/render/report.ts';
import { UNSEEN } from '../../src/record/unseen.ts';
import { FINDINGS, type Finding, type FindingCode } from '../../src/verify/finding.ts';
import { openToVerify } from '../../src/verify/opened.ts';
import { verify } from '../../src/verify/verify.ts';
import { type Attack, ATTACKS, box, pin, prepare, whole } from './attacks.ts';
import { DELETIONS } from './deletions.ts';
import { copyOf, opened, type Place } from './forge.ts';

before(prepare);
after(() => box.remove());

async function found(at: Place, { records, alone }: Attack): Promise<readonly Finding[]> {
  const store = openToVerify(at.store, alone ? join(at.keys, 'none') : at.keys);
  if ('code' in store) return [store];
  const remember = alone ? {} : { remember: at.heads };
  return (await verify(store, { records: records === true, pin, ...remember })).findings;
}

let copies = 0;

for (const attack of ATTACKS) {
  test(`${attack.name}: ${attack.codes.join(' ')}`, async () => {
    const at = copyOf(whole, box.path(`copy-${++copies}`));
    // What a verifier that came by before the attack remembers.
    if (!attack.alone) assert.deepEqual(await found(at, attack), []);
    await attack.run(at);
    const codes = new Set((await found(at, attack)).map(f => f.code));
    rmSync(join(at.store, '..'), { recursive: true });
    assert.deepEqual([...codes].sort(), [...attack.codes].sort());
  });
}

test('nothing of it is a false alarm: the store itself is intact', async () => {
  assert.deepEqual(await found(whole, { name: '', codes: [], run: () => undefined, records: true }), []);
});

test('folders in folders, deeper than any name reaches, are a stray and keep nothing else from being found', async () => {
  const at = copyOf(whole, box.path('deep'));
  const dig = `process.chdir(process.argv[1]); for (let i = 0; i < 50; i++) { fs.mkdirSync('d'.repeat(100)); process.chdir('d'.repeat(100)); }`;
  assert.equal(spawnSync(process.execPath, ['-e', dig, at.store]).status, 0);
  const codes = (await found(at, { name: '', codes: [], run: () => undefined })).map(f => f.code);
  spawnSync('rm', ['-rf', at.store]);
  assert.deepEqual(codes, ['STRAY_FILE']);
});

test('the name of a stray takes nothing from the screen and writes no line of its own', async () => {
  const at = copyOf(whole, box.path('named'));
  writeFileSync(join(at.store, 'a\u001b[2J\u001b[H\u009b8m\u202e\nintact   9 entries'), 'x');
  const report = await verify(opened(at), { records: false, pin });
  assert.deepEqual(
    report.findings.map(f => f.code),
    ['STRAY_FILE'],
  );
  for (const line of reportLines(report, { pin: undefined, records: false }))
    assert.deepEqual(line.match(UNSEEN), null, line);
});

test('every finding that can be made of a store has an attack here, or a test of its own', () => {
  const own = [
    'SOURCE_GAP',
    'SOURCE_OVERLAP',
    'RETRY_UNKNOWN',
    'RETRY_TWICE',
    'HEAD_SIGNATURE',
    'HEAD_UNREADABLE',
    'GENESIS_SIGNATURE',
    'REKEYED',
    'SET_ASIDE',
    'NOT_READABLE',
  ];
  const here = new Set([...[...ATTACKS, ...DELETIONS].flatMap(a => a.codes), ...own]);
  assert.deepEqual(
    Object.keys(FINDINGS).filter(code => !here.has(code as FindingCode)),
    [],
  );
});
