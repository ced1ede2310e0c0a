import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { later } from '../../src/log/retention.ts';
import { readHistory } from '../../src/store/history.ts';
import { openStore } from '../../src/store/store.ts';
import { lockPath } from '../../src/store/layout.ts';
import { takeLock } from '../../src/store/lock.ts';
import { explain } from '../../src/policy/explain.ts';
import { plan, setPolicy } from '../../src/policy/set.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

// One store, and what happens to it in the order of these tests.
const box = new Sandbox();
before(async () => {
  assert.equal((await box.run(['init', '--no-recovery', '--origin', 'test.example/log', '-q'])).code, 0);
  assert.equal((await box.run(['ingest', '-q'], nativeLines(3))).code, 0);
});
after(() => box.remove());

const history = (): ReturnType<typeof readHistory> => readHistory({ store: box.store });
const rows = (run: Run): Record<string, unknown>[] =>
  run.stdout
    .trim()
    .split('\n')
    .map(l => JSON.parse(l) as Record<string, unknown>);
/** Times and bytes differ from run to run. */
const told = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map(l => l.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(/[\d.]+ kB/g, 'BYTES'));
async function intact(): Promise<void> {
  const run = await box.run(['verify', '--records']);
  assert.equal(run.code, 0, run.stdout);
}

test('a dry run says what a policy would come to, and writes nothing', async () => {
  const files = box.files();
  const run = await box.run(['policy', 'set', 'default', '--dry-run']);
  assert.deepEqual([run.code, run.stderr], [0, '']);
  assert.deepEqual(told(run.stdout), [
    'this policy would be in force from now on; nothing was written',
    '  default  184 days at least, 400 at most, from sealing; slmaudit:default; look again by 2027-11-25',
    'looser: default was kept for ever, no maximum, by policy 0 (genesis)',
    'policy 0 (genesis) binds beside it until TIME: what it keeps is not deleted before',
    '1 segment sealed under policy 0 (genesis): judged by that one too, as long as this is not retroactive: it keeps it for ever',
  ]);
  assert.deepEqual(box.files(), files);
  assert.equal(history().head.size, 2);
});

test('what can not be read, or contradicts itself, is refused with its line, and nothing is written', async () => {
  writeFileSync(box.path('typo.yaml'), '# for Ana\nclasses:\n  default: { min: 1y, mx: 2y }\n');
  for (const [args, message] of [
    [[box.path('typo.yaml')], /typo\.yaml:3: mx is none of .*did you mean max/],
    [[box.path('none.yaml')], /can't read .*none\.yaml/],
    [['hippa'], /there is no preset "hippa"; did you mean hipaa\?/],
    [['hipaa,gdpr-lean'], /hipaa:164\.316.* and 90 at most \(gdpr-lean, gdpr:5/],
    [['default', '--grace', '3d'], /--grace takes a period from 7d on/],
    [[], /missing required argument/],
  ] as const) {
    const run = await box.run(['policy', 'set', ...args]);
    assert.deepEqual([run.code, run.stdout], [2, ''], run.stderr);
    assert.match(run.stderr, message);
    assert.match(run.stderr, /\nhint: /);
  }
  const json = await box.run(['policy', 'set', 'hippa', '--format', 'json']);
  assert.equal((JSON.parse(json.stderr) as { error: { code: string } }).error.code, 'NO_SUCH_PRESET');
  assert.equal(history().head.size, 2);
});

const FILE = `# persons may stand in comments: Ana
presets: [eu-ai-act]
grace: 14d
classes:
  default: { max: 400d, review: 2026-01-01 }
  auth: { min: 2y }
rules:
  - { class: auth, event_type: [auth, admin] }
`;

test('a policy from a file is in force; its comments are nowhere in the store', async () => {
  writeFileSync(box.path('policy.yaml'), FILE);
  const run = await box.run(['policy', 'set', box.path('policy.yaml')]);
  assert.deepEqual([run.code, run.stdout], [0, '']);
  assert.deepEqual(told(run.stderr), [
    'policy 2 is in force',
    '  default  184 days at least, 400 at most, from sealing; eu-ai-act:19(1); look again by 2026-01-01',
    '  auth     731 days at least, no maximum, from sealing',
    '  event_type auth or admin is auth',
    'looser: default was kept for ever, no maximum, by policy 0 (genesis)',
    'looser: auth was kept for ever, no maximum, by policy 0 (genesis)',
    'policy 0 (genesis) binds beside it until TIME: what it keeps is not deleted before',
    '1 segment sealed under policy 0 (genesis): judged by that one too, as long as this is not retroactive: it keeps it for ever',
    'they keep the class that they were sealed with: rules are for what is sealed from now on',
  ]);
  const entry = (await box.run(['query', "select text from entries where kind = 'policy'"])).stdout;
  assert.match(entry, /class auth 731 none sealed none\\nrule 0 auth event_type auth admin\\ngrace 14\\n/);
  assert.doesNotMatch(entry, /Ana/);
  await intact();
});

test('the same again is said and not written; -q says nothing', async () => {
  const run = await box.run(['policy', 'set', box.path('policy.yaml')]);
  assert.deepEqual([run.code, run.stderr], [0, 'policy 2 says all that already; nothing was written\n']);
  const quiet = await box.run(['policy', 'set', box.path('policy.yaml'), '-q']);
  assert.deepEqual(quiet, { code: 0, stdout: '', stderr: '' });
  assert.equal(history().head.size, 3);
});

test('segments name the policy that was in force; show lists those that bind, and warns of a review that is past', async () => {
  assert.equal((await box.run(['ingest', '-q'], nativeLines(2, 10))).code, 0);
  const run = await box.run(['policy', 'show']);
  assert.equal(run.code, 0);
  assert.deepEqual(
    rows(run).map(r => [r['policy'], r['state'], r['class'], r['min_days'], r['max_days'], r['segments']]),
    [
      [2, 'in force', 'default', 184, 400, 1],
      [2, 'in force', 'auth', 731, null, 1],
      [0, 'in its grace', 'default', null, null, 1],
    ],
  );
  assert.equal(rows(run)[1]!['rules'], '1: event_type auth or admin');
  assert.match(run.stderr, /^warning: class default was to be looked at again by 2026-01-01: /);
  const table = await box.run(['policy', 'show', '--format', 'table']);
  assert.match(
    table.stdout,
    /^policy 2 is in force .*\n {2}default {2}184 days at least, 400 at most.*\n[^]*\npolicy 0 \(genesis\) binds beside it until \S+; 1 segment .*\n {2}default {2}for ever/,
  );
  const { retention, at } = history();
  assert.equal(rows(run)[2]!['binds_until'], later(at < retention.newest.at ? at : retention.newest.at, 7));
});

test('explain says what would go and what keeps the rest, as prune would judge it', async () => {
  const { segments, retention } = history();
  const run = await box.run(['policy', 'explain', '--at', '2030-01-01']);
  assert.equal(run.code, 0, run.stderr);
  const [kept, goes] = rows(run);
  assert.deepEqual(
    [kept!['which'], kept!['fate'], kept!['why'], kept!['policy'], kept!['free_from'], kept!['records']],
    ['0', 'stays', 'minimum', 0, null, 3],
  );
  assert.deepEqual(
    [goes!['which'], goes!['fate'], goes!['why'], goes!['policy'], goes!['basis'], goes!['bytes']],
    ['1', 'goes', 'maximum', 2, 'eu-ai-act:19(1)', segments[1]!.payload!.bytes],
  );
  assert.deepEqual(
    [goes!['free_from'], goes!['due']],
    [later(segments[1]!.at, 184), later(segments[1]!.at, 400)],
  );
  assert.deepEqual(told(run.stderr), [
    'would be deleted at TIME: 1 segment, 2 records, BYTES',
    'would be kept at TIME: 1 segment, 3 records, BYTES',
  ]);
  // The same from within, at the moments at which it changes.
  const fate = (at: string): string[] => explain(history(), at, 'segment').map(e => `${e.fate} ${e.why}`);
  const sealed = segments[1]!.at;
  assert.deepEqual(fate(later(sealed, 1)), ['stays minimum', 'stays minimum']);
  assert.deepEqual(fate(later(sealed, 184)), ['stays minimum', 'stays not due']);
  assert.deepEqual(fate(later(sealed, 400)), ['stays minimum', 'goes maximum']);
  for (const e of explain(history(), later(sealed, 500), 'segment'))
    assert.equal(
      e.fate === 'goes',
      retention.refusal(segments[e.segments[0]!]!, later(sealed, 500)) === undefined,
    );
  const none = await box.run(['policy', 'explain', '--at', 'someday']);
  assert.deepEqual([none.code, /--at takes a day/.test(none.stderr)], [2, true]);
});

test('retroactive: what was sealed before is judged by the new policy alone, once the grace of the old is over', async () => {
  const run = await box.run([
    'policy',
    'set',
    'gdpr-lean',
    '--retroactive',
    '--grace',
    '4w',
    '--format',
    'json',
  ]);
  assert.equal(run.code, 0, run.stderr);
  const outcome = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.deepEqual(
    [outcome['entry'], outcome['before'], outcome['same'], outcome['dryRun']],
    [4, 2, false, false],
  );
  assert.deepEqual(outcome['sealed'], [
    { policy: 0, segments: 1, forEver: 1 },
    { policy: 2, segments: 1, forEver: 0 },
  ]);
  assert.deepEqual(
    (outcome['changes'] as { class: string; looser: boolean }[]).map(c => [c.class, c.looser]),
    [
      ['default', true],
      ['auth', true],
    ],
  );
  const { segments, at } = history();
  const fates = explain(history(), later(at, 100), 'segment').map(e => [e.fate, e.why, e.policy]);
  assert.deepEqual(fates, [
    ['goes', 'maximum', 4],
    ['goes', 'maximum', 4],
  ]);
  assert.equal(explain(history(), at, 'segment')[0]!.freeFrom, later(at, 14), 'the grace of policy 2');
  assert.ok(segments.every(s => s.policy < 4));
  await intact();
});

test('a policy that is not retroactive lets those of before speak again, and says so before it is set', () => {
  const { policy } = readPolicy('default');
  const { sealed, binding } = plan(history(), policy, '2027-06-01T00:00:00.000000Z');
  assert.deepEqual(
    sealed.map(s => s.forEver),
    [1, 0],
  );
  assert.deepEqual(
    binding,
    [{ policy: 4, until: '2027-06-29T00:00:00.000000Z' }],
    'the grace of those before it is over by then',
  );
});

test('another writer holds the lock: 75 at once, and nothing is written', async () => {
  const lock = await takeLock(lockPath({ store: box.store }), 0);
  try {
    for (const args of [
      ['policy', 'set', 'default'],
      ['hold', 'add', '--all', '--reason', 'case-1'],
      ['hold', 'release', '00000000', '--reason', 'case-1'],
    ])
      assert.equal((await box.run(args)).code, 75, args.join(' '));
    assert.equal((await box.run(['policy', 'set', 'default', '--dry-run'])).code, 0);
    assert.equal((await box.run(['policy', 'show'])).code, 0);
  } finally {
    lock.release();
  }
  assert.equal(history().head.size, 5);
});

test('what would not read back, or is more than an entry holds, is not signed', async () => {
  const store = openStore(box.store, box.keys);
  const { policy } = readPolicy('default');
  const rules = (count: number, length: number): typeof policy => ({
    ...policy,
    rules: Array.from({ length: count }, () => ({
      class: 'default',
      where: [{ column: 'model' as const, values: ['x'.repeat(length)] }],
    })),
  });
  const options = { lockWaitMs: 0, now: Date.now(), dryRun: false };
  await assert.rejects(setPolicy(store, rules(1, 9000), options), { code: 'ENTRY_MALFORMED' });
  await assert.rejects(setPolicy(store, rules(40, 2000), options), { code: 'ENTRY_TOO_LARGE' });
  assert.equal(history().head.size, 5);
  await intact();
});

test('presets are listed with what they rest on', async () => {
  const run = await box.run(['policy', 'presets', '--format', 'json']);
  const all = JSON.parse(run.stdout) as Record<string, unknown>[];
  assert.deepEqual(
    all.map(p => [p['name'], p['min_days'], p['max_days']]),
    [
      ['default', 184, 400],
      ['eu-ai-act', 184, null],
      ['pci-dss', 366, null],
      ['hipaa', 2192, null],
      ['soc2', 366, null],
      ['sec-17a-4', 2192, null],
      ['omb-m-26-14', 366, null],
      ['fedramp', 366, null],
      ['dora', null, null],
      ['gdpr-lean', null, 90],
    ],
  );
  assert.ok(all.every(p => p['citation'] && p['sure'] && p['looked_up'] && p['review']));
  assert.match(run.stderr, /none is legal advice/);
});

test('init --policy: the first segment names a policy; a policy that can not be read leaves no store', async () => {
  const other = new Sandbox();
  try {
    const bad = await other.run(['init', '--no-recovery', '--policy', 'hipa']);
    assert.deepEqual([bad.code, other.path('store') && bad.stdout], [2, '']);
    const made = await other.run(['init', '--no-recovery', '--policy', 'hipaa', '--format', 'json']);
    assert.deepEqual([made.code, (JSON.parse(made.stdout) as { policy: number }).policy], [0, 1]);
    assert.equal((await other.run(['ingest', '-q'], nativeLines(1))).code, 0);
    const found = readHistory({ store: other.store });
    assert.deepEqual([found.segments[0]!.policy, found.retention.newest.policy.classes[0]!.min], [1, 2192]);
    assert.equal((await other.run(['verify', '--records'])).code, 0);
  } finally {
    other.remove();
  }
});
