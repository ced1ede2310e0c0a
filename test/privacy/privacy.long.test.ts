import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FORMAT_NAMES, OPTIONAL_RULES } from '../../src/normalize/names.ts';
import { type Sandbox, withStore } from '../sandbox.ts';
import { OPTIONAL_SECRETS, SECRETS } from '../secrets.ts';
import { everything, linesOf, plantedLines } from './planted.ts';

/** An e-mail address may stand in user_id, where it says who: it has a test of its own. */
const ALL = [...SECRETS, ...OPTIONAL_SECRETS].filter(({ rule }) => rule !== 'email');
/** Kept on purpose, in a column, in `extra` and in a rejected line: what does not find these finds nothing. */
const CANARY = 'canary-7f3d9b2e-kept';

/** An ingest that is killed when its lines are on disk and not sealed. */
async function openSegment(box: Sandbox, lines: readonly string[]): Promise<void> {
  const { child, done, output } = box.start([...INGEST, '--seal-every', '1h', '--acks']);
  child.stdin.write(`${lines.join('\n')}\n`);
  for (let i = 0; i < 200 && !output().includes('acknowledged'); i++) await sleep(50);
  await sleep(1500);
  child.kill('SIGKILL');
  await done;
}

const INGEST = ['ingest', '--format', 'auto-line', '--remove', OPTIONAL_RULES.join(',')];

test(`${ALL.length} kinds of secrets in every place of lines of ${FORMAT_NAMES.length} formats are nowhere afterwards`, () =>
  withStore(async box => {
    const canaries = [
      `{"ts":"2026-05-01T00:00:07Z","request_id":"${CANARY}","note":"${CANARY}"}`,
      `no json ${CANARY}`,
    ];
    const lines = [...canaries, ...plantedLines(ALL)];
    await openSegment(box, [...canaries, ...lines.filter((_, i) => i % 20 === 0)]);
    const open = readdirSync(`${box.store}/open`).find(name => name.endsWith('.open'));
    const unsealed = readFileSync(`${box.store}/open/${open}`, 'latin1');
    assert.ok(unsealed.includes(CANARY) && unsealed.includes('"q":'), 'the open segment holds the canary');

    const printed: string[] = [];
    for (const args of [
      ['query', 'select * from records', '--format', 'csv'],
      ['status', '--format', 'json'],
      ['seal'],
    ]) {
      const run = await box.run(args);
      assert.equal(run.code, 0, run.stderr);
      printed.push(run.stdout, run.stderr);
    }
    const run = await box.run([...INGEST, '--json'], `${lines.join('\n')}\n`);
    assert.equal(run.code, 3, run.stderr);
    printed.push(run.stdout, run.stderr);
    const removed = (JSON.parse(run.stdout) as { removed: Record<string, number> }).removed;
    for (const { rule } of ALL) assert.ok(removed[rule]! >= FORMAT_NAMES.length, `${rule}: ${removed[rule]}`);
    for (const args of [
      ['verify', '--records', '--format', 'json'],
      ['quarantine', 'list', '--format', 'ndjson'],
      ['quarantine', 'show', '0.1'],
      ['quarantine', 'retry', '--format', 'nginx', '--json'],
      ['query', 'select * from requests', '--format', 'ndjson'],
      ['status'],
    ]) {
      const { code, stdout, stderr } = await box.run(args);
      assert.ok(code === 0 || code === 3, `${args.join(' ')}: ${stderr}`);
      printed.push(stdout, stderr);
    }

    const held = await everything(box);
    for (const row of held.get('records, by DuckDB')!.trimEnd().split('\n')) {
      const { extra } = JSON.parse(row) as { extra?: string };
      assert.doesNotThrow(() => JSON.parse(extra ?? '{}') as unknown, extra);
    }
    held.set('printed', printed.join('\n'));
    held.set('open segment', unsealed);
    for (const where of [
      'printed',
      'open segment',
      'parquet, by hyparquet',
      'records, by DuckDB',
      'quarantine, decrypted',
    ])
      assert.ok(held.get(where)!.includes(CANARY), `the canary is found in: ${where}`);
    for (const [where, text] of held)
      for (const { rule, core } of ALL)
        assert.ok(!text.includes(core), `${rule} in ${where}: ${near(text, core)}`);
  }));

test('identities stand as keyed hashes alone, which `hash` finds again', () =>
  withStore(async box => {
    const people = ['ana.lopez@corp.example', '203.0.113.77', '2001:db8:77::5'];
    const lines = [
      `{"ts":"2026-05-01T00:00:07Z","user_id":"${people[0]}","client_ip":"${people[1]}","operation":"chat","note":"${CANARY}"}`,
      `{"ts":"2026-05-01T00:00:08Z","user_id":"${people[0]}","client_ip":"${people[2]}","x_forwarded_for":"${people[1]}","who":{"email":"${people[0]}"},"labels":{"owner":"${people[0]}"},"peer":"[${people[2]}]:443"}`,
      `{"ts":"2026-05-01T00:00:09Z","uri":"/x?u=${encodeURIComponent(people[0]!)}","each":{"${people[0]}":3,"from":{"${people[1]}":{"n":1}}}}`,
      ...FORMAT_NAMES.filter(name => name !== 'native').flatMap(linesOf),
    ];
    const run = await box.run(
      ['ingest', '--format', 'auto-line', '--hash-identities'],
      `${lines.join('\n')}\n`,
    );
    assert.equal(run.code, 3, run.stderr);
    const held = await everything(box);
    for (const where of ['parquet, by hyparquet', 'records, by DuckDB']) {
      assert.ok(held.get(where)!.includes(CANARY));
      for (const who of [...people, 'ana.lopez%40'])
        assert.ok(!held.get(where)!.includes(who), `${who} in ${where}`);
    }
    const rows = held
      .get('records, by DuckDB')!
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l) as Record<string, string>);
    for (const row of rows)
      for (const column of ['user_id', 'client_ip'])
        assert.match(row[column] ?? 'hmac:', /^hmac:/, JSON.stringify(row));
    for (const [option, column, value, count] of [
      ['--user', 'user_id', people[0]!, 2],
      ['--ip', 'client_ip', '2001:DB8:77:0:0:0:0:5', 1],
    ] as const) {
      const printed = await box.run(['hash', option, value, '--format', 'ndjson']);
      const { hash } = JSON.parse(printed.stdout) as { hash: string };
      assert.equal(rows.filter(row => row[column] === hash).length, count);
    }
    // An exported line that is read again is not hashed again.
    const again = await box.run(['ingest', '--hash-identities'], `${JSON.stringify(rows[0])}\n`);
    assert.equal(again.code, 0, again.stderr);
    const same = await box.run([
      'query',
      `select count(*) n from records where user_id = '${rows[0]!['user_id']}'`,
    ]);
    assert.match(same.stdout, /"n":3/);
  }));

test('an e-mail address is nowhere afterwards where it is to be removed and identities to be hashed', () =>
  withStore(async box => {
    const email = OPTIONAL_SECRETS.filter(({ rule }) => rule === 'email');
    const lines = [`{"ts":"2026-05-01T00:00:07Z","note":"${CANARY}"}`, ...plantedLines(email)];
    const run = await box.run([...INGEST, '--hash-identities'], `${lines.join('\n')}\n`);
    assert.equal(run.code, 3, run.stderr);
    const held = await everything(box);
    assert.ok(held.get('records, by DuckDB')!.includes(CANARY));
    for (const [where, text] of held) assert.ok(!text.includes(email[0]!.core), where);
  }));

test('what is at the edge: a long field, two halves, a name, JSON in text, base64', () =>
  withStore(async box => {
    const key = ['sk', 'Zq7vK2mXw9TbR4nL'].join('-');
    const long = 'x'.repeat(10 << 20);
    const lines = [
      { ts: 1, note: `${long} ${key}` },
      { ts: 2, a: key.slice(0, 11), b: key.slice(11) },
      { ts: 3, [`k ${key}`]: 1 },
      { ts: 4, note: JSON.stringify({ deep: JSON.stringify({ key }) }) },
      { ts: 5, note: Buffer.from(key).toString('base64') },
    ].map(l => JSON.stringify({ ...l, ts: `2026-05-01T00:00:0${l.ts}Z` }));
    const run = await box.run(['ingest', '--json'], `${lines.join('\n')}\n`);
    assert.equal(run.code, 0, run.stderr);
    const out = await box.run(['query', 'select extra from records order by seq', '--format', 'ndjson']);
    const extras = out.stdout
      .trimEnd()
      .split('\n')
      .map(l => (JSON.parse(l) as { extra: string }).extra);
    assert.deepEqual(extras, [
      '{"_dropped":1}',
      // Each half is judged by itself: neither looks like a key. SPEC 10 says so, and of base64 too.
      `{"a":"${key.slice(0, 11)}","b":"${key.slice(11)}"}`,
      '{"_dropped":1,"_removed":{"sk_key":1}}',
      '{"_dropped":1}',
      `{"note":"${Buffer.from(key).toString('base64')}"}`,
    ]);
  }));

const near = (text: string, core: string): string =>
  text.slice(Math.max(0, text.indexOf(core) - 150), text.indexOf(core) + core.length + 30);
