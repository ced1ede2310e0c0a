import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { guard } from '../../src/duck/guard.ts';
import { parseSaved, type SavedQuery } from '../../src/query/saved.ts';
import { Sandbox } from '../sandbox.ts';
import { answerOf, withViews } from '../views.ts';

const box = new Sandbox();
const DAY = 86_400_000;
const FROM = Date.UTC(2026, 4, 1);

/** Six weeks of five people at work, forty requests an hour. */
function* work(): Generator<object> {
  for (let day = 0; day < 42; day++) {
    const midnight = FROM + day * DAY;
    if (new Date(midnight).getUTCDay() % 6 === 0) continue;
    for (let n = 0; n < 320; n++) {
      const at = midnight + 9 * 3_600_000 + n * 90_000;
      // Wednesday of the fourth week: two hours without anything.
      if (day === 26 && n >= 40 && n < 120) continue;
      const user = ['ana', 'bo', 'cy', 'dee', 'eve'][n % 5]!;
      const isBad = day === 20 && n >= 40 && n < 80;
      yield {
        ts: new Date(at).toISOString(),
        user_id: user,
        api_key_id: `key-${user}`,
        client_ip: `10.0.0.${1 + (n % 5)}`,
        session_id: `s-${user}-${day}`,
        model: n % 3 === 0 ? 'phi' : 'qwen',
        model_version: isBad ? 'v2' : 'v1',
        status: isBad && n % 3 !== 0 ? 'error' : n % 97 === 0 ? 'refused' : 'ok',
        ...(isBad && n % 3 !== 0 && { error_type: 'engine_error' }),
        input_tokens: 100 + (n % 7) * (user === 'ana' && day === 31 ? 2000 : 10),
        output_tokens: 50 + (n % 11),
        latency_us: 100_000 + (n % 50) * 10_000,
        ...(n % 4 === 0 && { cost_microusd: 700 }),
        prompt: `question ${n} of ${day}`,
      };
    }
  }
}

const at = (day: number, seconds: number): string =>
  new Date(FROM + day * DAY + seconds * 1000).toISOString();
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

function* incidents(): Generator<object> {
  const asked = { model: 'qwen', model_version: 'v1', status: 'ok', input_tokens: 10, output_tokens: 5 };
  yield* times(30, i => ({ ...asked, ts: at(33, 7500 + i * 60), user_id: 'bo', client_ip: '198.51.100.7' }));
  yield* times(25, i => ({ ...asked, ts: at(29, 40_000 + i * 12), user_id: 'cy', prompt: 'again' }));
  yield* ['ana', 'bo', 'dee'].map((user_id, i) => ({
    ...asked,
    ts: at(3, 20 + i),
    user_id,
    prompt: 'shared',
  }));
  yield* times(3, i => ({ ...asked, ts: at(5, i), api_key_id: 'key-leaked', client_ip: `203.0.113.${i}` }));
  const login = { event_type: 'auth', client_ip: '198.51.100.9' };
  yield* times(8, i => ({
    ...login,
    ts: at(12, i * 5),
    user_id: `u${i % 4}`,
    status: 'denied',
    auth_result: 'failure',
  }));
  yield { ...login, ts: at(12, 60), user_id: 'u2', status: 'ok', auth_result: 'success' };
  yield* [0, 41].map(day => ({ ts: at(day, 1), event_type: 'access', endpoint: '/v1/chat/completions' }));
}

const saved: SavedQuery[] = readdirSync('queries')
  .sort()
  .map(file => parseSaved(file.replace(/\.sql$/, ''), readFileSync(`queries/${file}`, 'utf8'), false));

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  const lines = (objects: Iterable<object>): string =>
    [...objects].map(o => `${JSON.stringify(o)}\n`).join('');
  await box.run(['ingest', '--source', 'work'], lines(work()));
  await box.run(['ingest', '--source', 'odd', '--format', 'native'], `${lines(incidents())}broken\n{"ts"\n`);
  writeFileSync(box.path('store', 'settings'), 'log-queries on\n');
  await box.run(['query', 'select count(*)\nfrom records']);
  writeFileSync(box.path('store', 'settings'), 'log-queries off\n');
  await box.run(['seal']);
});

after(() => box.remove());

/** What the first row says, where the traffic has something to be found. */
const FOUND: Readonly<Record<string, object>> = {
  'addresses-of-user': { client_ip: '10.0.0.2' },
  asked: { verb: 'query', status: 'ok', rows: 1, sql: 'select count(*) from records' },
  'failed-logins': { client_ip: '198.51.100.9', failed: 8, accounts: 4, succeeded: 1 },
  'failures-by-hour': {
    hour: '2026-05-21T10:00:00.000000Z',
    model: 'qwen',
    version: 'v2',
    mostly: 'engine_error',
  },
  'keys-by-address': { api_key_id: 'key-leaked', addresses: 3 },
  'logins-after-failures': {
    client_ip: '198.51.100.9',
    user_id: 'u2',
    failures: 8,
    accounts: 4,
    of_this_user: 2,
  },
  'new-addresses': { user_id: 'bo', client_ip: '198.51.100.7', within_a_day: 30, known_days: 33 },
  'new-versions': { version: 'v2' },
  'off-hours': { user_id: 'bo', requests: 30, first: '02:05', last: '02:34', addresses: 1 },
  'quarantine-reasons': { reason: 'not_json', source: 'odd', lines: 2 },
  'repeated-prompts': { user_id: 'cy', times: 25, every_s: 12, jitter_pct: 0 },
  'shared-prompts': { users: 3, times: 3, first_user: 'ana' },
  silences: { since: '2026-05-27T09:58:30.000000Z', until: '2026-05-27T12:00:00.000000Z', expected: 81 },
  sources: { source_id: 'work', type: 'inference', user_pct: 100 },
  'token-burn': { day: '2026-06-01', user_id: 'ana' },
};

const SAMPLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'addresses-of-user': { user: 'bo', top: '1' },
  'days-of-user': { user: 'bo' },
  refusals: { least: '1' },
};

test('every shipped query is accepted, finds what is there, and answers the same on one thread and on many', async () => {
  await withViews(box, async db => {
    for (const query of saved) {
      assert.deepEqual((await guard(db, query.sql)).unrepeatable, [], query.name);
      const { sql, parameters } = query;
      const given = parameters.map(p => [p.name, SAMPLES[query.name]?.[p.name] ?? p.default!] as const);
      await db.run('SET threads = 1');
      const rows = await answerOf(db, { sql, parameters: Object.fromEntries(given) });
      await db.run('SET threads = 4');
      assert.deepEqual(await answerOf(db, { sql, parameters: Object.fromEntries(given) }), rows, query.name);
      assert.ok(rows.length > 0, query.name);
      const first = rows[0]!;
      const found = FOUND[query.name] ?? {};
      assert.deepEqual(
        Object.fromEntries(Object.keys(found).map(key => [key, first[key]])),
        found,
        query.name,
      );
    }
  });
});

test('the binary answers one as it answers any query: as a table that fits, with a receipt, over other views', async () => {
  const table = await box.run(['query', '@usage-by-user', '--param', 'top=2', '--format', 'table']);
  assert.match(table.stdout, /^ana +\d+ +\d+ +\d+ +\d+ {2}█+ {2}▁{9}[▁▂▃▄▅▆▇█]{8}▁{7}\neve .*\n2 rows\n$/m);
  for (const name of ['token-burn', 'retention-by-day', 'quarantine-reasons']) {
    const { code, stderr } = await box.run(['query', `@${name}`, '--receipt', box.path('receipt.json')]);
    assert.equal(code, 0, stderr);
  }
});

test('every shipped query says in a line what it answers, what each parameter is, and orders by all that tells rows apart', () => {
  assert.ok(saved.length >= 20);
  for (const { name, about, parameters, sql } of saved) {
    assert.match(about, /^[a-z].{10,130}[^.]$/, name);
    for (const p of parameters) assert.match(p.about, /^[a-z]/, `${name} ${p.name}`);
    const used = new Set([...sql.matchAll(/\$([a-z]+)/g)].map(m => m[1]!));
    assert.deepEqual([...used].sort(), parameters.map(p => p.name).sort(), name);
    assert.match(sql, /\nORDER BY [^;]+\n(?:LIMIT \$top\n)?$/, name);
  }
});

test('--list says what the files say; one of the user stands before a shipped one of its name', async () => {
  mkdirSync(box.path('.config/slmaudit/queries'), { recursive: true });
  writeFileSync(
    box.path('.config/slmaudit/queries/sources.sql'),
    '-- my own\n-- param a: of it\nSELECT $a AS a\n',
  );
  writeFileSync(box.path('.config/slmaudit/queries/Not A Name.sql'), 'SELECT 1');
  const listed = JSON.parse((await box.run(['query', '--list', '--format', 'json'])).stdout) as object[];
  const shown = ({ name, about, parameters, own }: SavedQuery): object => ({
    name: `@${name}`,
    about,
    parameters: parameters.map(p => (p.default === undefined ? p.name : `${p.name}=${p.default}`)).join(' '),
    whose: own ? 'yours' : 'shipped',
  });
  const mine = parseSaved('sources', '-- my own\n-- param a: of it\n', true);
  assert.deepEqual(
    listed,
    saved.map(q => shown(q.name === 'sources' ? mine : q)),
  );
  const { stdout } = await box.run(['query', '--list', '--format', 'table']);
  assert.match(stdout, /^@sources {2,}my own \(yours\)\n {10,}a$/m);
  assert.ok(stdout.split('\n').every(line => line.length <= 100));
  assert.equal((await box.run(['query', '@sources', '--param', 'a=7'])).stdout, '{"a":"7"}\n');
});

test('a saved query that is not there, or not asked as it must be, is answered with what would do', async () => {
  for (const [args, said] of [
    [['@token-brun'], /no saved query is called @token-brun\nhint: did you mean @token-burn\?/],
    [['@days-of-user'], /@days-of-user needs --param user=VALUE: whose/],
    [['@cost', '--param', 'tip=3'], /@cost has no parameter "tip"; it has input, output, top/],
    [
      ['@cost', '--param', 'top=many'],
      /Could not convert string 'many'.*\nhint: that is what --param top says/,
    ],
    [['@cost', '--param', 'top'], /--param takes NAME=VALUE/],
  ] as const) {
    const run = await box.run(['query', ...args]);
    assert.equal(run.code, 2);
    assert.match(run.stderr, said);
  }
});
