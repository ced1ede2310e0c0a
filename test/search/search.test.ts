import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { conditionOf, type Filters } from '../../src/search/conditions.ts';
import { searchQuestion, type Shape } from '../../src/search/search.ts';
import { Sandbox } from '../sandbox.ts';
import { answerOf, withViews } from '../views.ts';

const box = new Sandbox();
const at = (minutes: number): string => new Date(Date.UTC(2026, 4, 1) + minutes * 60_000).toISOString();

/** Each told apart by its request id. */
const records: readonly Readonly<Record<string, unknown>>[] = [
  {
    request_id: 'a',
    user_id: 'ana',
    client_ip: '192.0.2.7',
    status: 'ok',
    model: 'qwen3-4b',
    input_tokens: 10,
  },
  {
    request_id: 'b',
    user_id: 'ann',
    client_ip: '192.0.3.7',
    status: 'error',
    model: 'qwen3-8b',
    output_tokens: 500,
  },
  {
    request_id: 'c',
    user_id: '100%_sure',
    client_ip: '2001:db8::7',
    status: 'denied',
    model_version: 'q4_k_m',
  },
  { request_id: 'd', user_id: '100 x sure', client_ip: '2001:db9::7', status: 'refused', session_id: 's-1' },
  { request_id: 'e', user_id: 'back\\slash', api_key_id: 'key-7', operation: 'chat', trace_id: 't-9' },
  { request_id: 'f', user_id: 'a*b', api_key_id: 'key-8', operation: 'embedding', event_type: 'access' },
  {
    request_id: 'g',
    prompt: 'Why is the sky blue?',
    error_type: 'Time_Out',
    input_tokens: 3,
    output_tokens: 997,
  },
];

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  const lines = records.map((r, i) => `${JSON.stringify({ ts: at(i), ...r })}\n`).join('');
  await box.run(['ingest'], lines);
  const hashed = { ts: at(60), request_id: 'h', user_id: 'ana', client_ip: '192.0.2.7' };
  await box.run(['ingest', '--hash-identities', '--source', 'other'], `${JSON.stringify(hashed)}\n`);
});

after(() => box.remove());

const cases: readonly (readonly [filters: Filters, found: string])[] = [
  [{}, 'abcdefgh'],
  [{ user: 'ana' }, 'a'],
  [{ user: 'an*' }, 'ab'],
  [{ user: '*' }, 'abcdefh'],
  [{ user: '100%*' }, 'c'],
  [{ user: '100%_*' }, 'c'],
  [{ user: '100 *' }, 'd'],
  [{ user: '100_x*' }, ''],
  [{ user: 'back\\*' }, 'e'],
  [{ user: "' OR 1=1 --" }, ''],
  [{ user: "*' OR 1=1 --" }, ''],
  [{ apiKey: 'key-7' }, 'e'],
  [{ apiKey: 'key-*' }, 'ef'],
  [{ ip: '192.0.2.7' }, 'a'],
  [{ ip: '192.0.2.0/24' }, 'a'],
  [{ ip: '192.0.2.0/23' }, 'ab'],
  [{ ip: '0.0.0.0/0' }, 'ab'],
  [{ ip: '::ffff:192.0.2.7' }, 'a'],
  [{ ip: '2001:db8::/32' }, 'c'],
  [{ ip: '2001:DB8:0::/31' }, 'cd'],
  [{ ip: '2001:db8::7/128' }, 'c'],
  [{ ip: '::/0' }, 'cd'],
  [{ model: 'qwen3-4b' }, 'a'],
  [{ model: 'qwen3*' }, 'ab'],
  [{ modelVersion: 'q4_*' }, 'c'],
  [{ status: 'error,denied' }, 'bc'],
  [{ status: 'error, refused' }, 'bd'],
  [{ operation: 'chat' }, 'e'],
  [{ type: 'access' }, 'f'],
  [{ session: 's-1' }, 'd'],
  [{ request: 'e' }, 'e'],
  [{ request: 't-9' }, 'e'],
  [{ minTokens: 10 }, 'abg'],
  [{ minTokens: 1000 }, 'g'],
  [{ text: 'time_out' }, 'g'],
  [{ text: 'QWEN3' }, 'ab'],
  [{ text: '%' }, 'c'],
  [{ text: 'sky' }, ''],
  [{ user: 'an*', status: 'error' }, 'b'],
  [{ where: 'input_tokens > 5' }, 'a'],
  [{ where: "user_id = 'ana' -- and no more", model: 'qwen3-8b' }, ''],
  [{ where: "user_id = 'ana' or true", model: 'qwen3-8b' }, 'b'],
  [
    { where: "user_id = ')' or user_id = $$)$$ or e'\\')' = user_id /* ) */ or \")\" is null", model: 'x' },
    '',
  ],
];

test('every filter finds what it says, and what stands in a value is never SQL or a pattern', async () => {
  await withViews(box, async db => {
    for (const [filters, found] of cases.slice(0, -1)) {
      const asked = searchQuestion(conditionOf(filters), { columns: ['request_id'] });
      const rows = await answerOf(db, asked);
      assert.equal(rows.map(r => String(r['request_id'])).join(''), found, JSON.stringify(filters));
    }
  });
});

test('of texts that are accepted as one condition the engine makes one condition, or an error', async () => {
  const pieces = `( ) ' '' " "" $$ $a$ $é$ e' \\ -- /* */ ; \n \r a b$$ 1 1=1 or and true null`.split(' ');
  await withViews(box, async db => {
    const one = async (text: string): Promise<void> => {
      const parsed = async (sql: string): Promise<Tree> => {
        const read = await db.runAndReadAll(
          `SELECT json_serialize_sql('${sql.replaceAll("'", "''")}'::VARCHAR)`,
        );
        return JSON.parse(String(read.getRows()[0]![0])) as Tree;
      };
      const alone = await parsed(`SELECT 1 WHERE ${text}`);
      if (alone.error || alone.statements.length !== 1) return;
      const { error, statements } = await parsed(`SELECT 1 WHERE (${text}\n) AND 42`);
      if (error) return;
      const where = statements[0]!.node.where_clause;
      assert.deepEqual(
        [statements.length, where.type, where.children.at(-1)?.value?.value],
        [1, 'CONJUNCTION_AND', 42],
        text,
      );
      accepted++;
    };
    let accepted = 0;
    const texts = fc
      .array(fc.constantFrom(...pieces, '\n', '\r', ' '), { maxLength: 12 })
      .map(all => all.join(' '));
    await fc.assert(fc.asyncProperty(texts, one), { numRuns: 3000 });
    for (const text of ['$é$ ( $é$ = a) or (1=1 and $é$ ) $é$ = a', 'a$$) or (1=1 and b$$ = 1'])
      await one(text);
    assert.ok(accepted > 10, String(accepted));
  });
});

interface Tree {
  readonly error: boolean;
  readonly statements: readonly {
    readonly node: {
      readonly where_clause: {
        readonly type: string;
        readonly children: readonly { readonly value?: { readonly value: unknown } }[];
      };
    };
  }[];
}

test('what is no address, network, status or hash is refused with what would do', () => {
  for (const filters of [
    { ip: '192.0.2' },
    { ip: '192.0.2.0/33' },
    { ip: '2001:db8::/129' },
    { ip: '192.0.2.0/' },
    { ip: '/8' },
    { ip: 'ana' },
    { status: 'failed' },
    { status: '' },
    { promptHash: '1234567' },
    { promptHash: 'x'.repeat(64) },
    { promptHash: 'a'.repeat(65) },
  ])
    assert.throws(() => conditionOf(filters), { code: 'FILTER_MALFORMED' }, JSON.stringify(filters));
});

test('rows come in an order that tells all apart, as many as were asked for; groups are counted', async () => {
  const shapes: readonly (readonly [Shape, string])[] = [
    [{ columns: ['request_id'], sort: ['-total_tokens', 'request_id'] }, 'g b a c d e f h'],
    [{ columns: ['request_id'], sort: ['-ts'], limit: 2 }, 'h g'],
    [{ columns: ['request_id'], limit: 3 }, 'a b c'],
    [{ count: true }, '8'],
    [{ groupBy: ['model'], limit: 1 }, 'null/6/1/1000'],
    [{ groupBy: ['hour'] }, '2026-05-01T00:00:00.000000Z/7/2/1510 2026-05-01T01:00:00.000000Z/1/0/null'],
    [{ groupBy: ['day'], zone: 'America/New_York' }, '2026-04-30T04:00:00.000000Z/8/2/1510'],
    [{ groupBy: ['day'], zone: '+05:30' }, '2026-04-30T18:30:00.000000Z/8/2/1510'],
    [{ groupBy: ['status'], sort: ['-failed', 'status'], limit: 2 }, 'denied/1/1/null error/1/1/500'],
  ];
  await withViews(box, async db => {
    for (const [shape, found] of shapes) {
      const rows = await answerOf(db, searchQuestion(conditionOf({}), shape));
      const shown = rows.map(row =>
        Object.keys(row)
          .filter(name => name !== 'first' && name !== 'last')
          .map(name => String(row[name]))
          .join('/'),
      );
      assert.equal(shown.join(' '), found, JSON.stringify(shape));
    }
  });
  for (const shape of [{ columns: ['usr'] }, { sort: ['-tokens'] }, { groupBy: ['decade'] }])
    assert.throws(() => searchQuestion(conditionOf({}), shape), { code: 'NO_SUCH_COLUMN' });
});

async function searched(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await box.run([
    'search',
    '--columns',
    'request_id',
    '--format',
    'csv',
    ...args,
  ]);
  assert.equal(code, 0, stderr);
  return stdout.split('\n').slice(1).join('');
}

test('the binary takes all of them at once, finds hashed users and addresses too, and prompts from a file', async () => {
  assert.equal(await searched('--user', 'ana', '--ip', '192.0.2.7'), 'ah');
  assert.equal(await searched('--ip', '192.0.2.0/24'), 'a', 'a network has no hash');
  assert.equal(await searched('--user', 'ana', '--keys', box.path('none')), 'a', 'hashes need the key');
  writeFileSync(box.path('prompt.txt'), 'Why is the sky blue?\n');
  assert.equal(await searched('--prompt-file', box.path('prompt.txt')), 'g');
  const { stdout } = await box.run(['query', "select prompt_hash as h from records where request_id = 'g'"]);
  const { h } = JSON.parse(stdout) as { h: string };
  assert.equal(await searched('--prompt-hash', h.slice(0, 8).toUpperCase()), 'g');
  assert.equal(await searched('--prompt-hash', h), 'g');
  const all = ['--user', 'a*', '--api-key', 'key-*', '--model', '*', '--status', 'ok', '--type', 'access'];
  assert.equal(
    await searched(...all, '--min-tokens', '1', '--text', 'x', '--where', 'true -- it is', '--limit', '9'),
    '',
  );
});

test('--since and --until are said as they were understood, in the zone that was asked for', async () => {
  const said = async (...args: readonly string[]): Promise<readonly [string, string]> => {
    const run = await box.run(['search', '--columns', 'request_id', '--format', 'csv', ...args]);
    assert.equal(run.code, 0, run.stderr);
    return [run.stdout.split('\n').slice(1).join(''), run.stderr];
  };
  const [zoned, how] = await said(
    '--since',
    '2026-05-01',
    '--until',
    '2026-05-01 02:05',
    '--zone',
    'Europe/Berlin',
  );
  assert.equal(zoned, 'abcde');
  assert.equal(
    how,
    'from 2026-04-30T22:00:00Z, before 2026-05-01T00:05:00Z; days of Europe/Berlin, times in UTC\n',
  );
  const [exact] = await said('--since', '2026-05-01T00:01:00Z', '--until', '2026-05-01T00:03:00Z');
  assert.equal(exact, 'bc');
  assert.deepEqual(await said('--since', 'yesterday', '--quiet'), ['', '']);
  for (const args of [
    ['--since', 'someday'],
    ['--since', '1h', '--until', '2h'],
    ['--zone', 'Berlin'],
    ['--limit', '0'],
    ['--follow', '--count'],
  ]) {
    const run = await box.run(['search', ...args]);
    assert.deepEqual([run.code, run.stdout], [2, ''], args.join(' '));
    assert.match(run.stderr, /^slmaudit: error: .+\nhint: .+\n$/);
  }
});
