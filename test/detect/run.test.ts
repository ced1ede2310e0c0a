import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Episode } from '../../src/detect/episode.ts';
import { type Run, Sandbox } from '../sandbox.ts';

const box = new Sandbox();
const RULES = `title: Denied
id: denied
level: high
logsource: { product: slmaudit, category: inference }
detection: { it: { status: denied }, condition: it }
slmaudit: { entity: [user_id], episode: 10m }
---
title: Any error
id: errors
level: low
logsource: { product: slmaudit, category: inference }
detection: { it: { status: error }, condition: it }
`;

const BROKEN = `title: Broken
logsource: { product: slmaudit }
detection: { it: { usr_id: a }, condition: it }
`;

const line = (minutes: number, more: object): string =>
  `${JSON.stringify({ ts: new Date(Date.UTC(2026, 4, 1) + minutes * 60_000).toISOString(), model: 'm', ...more })}\n`;

const bodies: string[] = [];
let respond: (response: ServerResponse, url: string) => void = response => void response.writeHead(204).end();
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    bodies.push(body);
    respond(response, request.url ?? '');
  });
});
const idsSent = (): string[] => bodies.splice(0).map(body => (JSON.parse(body) as { id: string }).id);

const detect = (...args: readonly string[]): Promise<Run> =>
  box.run(['detect', '--no-shipped', '--rules', box.path('own.yml'), ...args]);
const episodesOf = ({ stdout }: Run): Episode[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map(text => JSON.parse(text) as Episode);

let hook: string;

before(async () => {
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/SECRETPATH`;
  writeFileSync(box.path('own.yml'), RULES);
  writeFileSync(box.path('broken.yml'), BROKEN);
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  const lines = [
    ...[0, 1, 2].map(m => line(m, { status: 'denied', user_id: '\u001b[31mana' })),
    line(3, { status: 'error', user_id: 'bo' }),
    line(4, { event_type: 'auth', status: 'denied', auth_result: 'failure', user_id: 'bo' }),
    line(400, { status: 'ok', user_id: 'bo' }),
  ];
  await box.run(['ingest', '--source', 'gw'], lines.join(''));
});
after(() => {
  server.closeAllConnections();
  server.close();
  box.remove();
});

test('rules are asked, the most severe episodes come first, and --fail-on answers 1 for what is severe enough', async () => {
  const run = await detect('--fail-on', 'high', '--rules', box.path('broken.yml'));
  assert.deepEqual(
    episodesOf(run).map(e => [e.rule.id, e.hits, e.door.says]),
    [
      ['denied', 3, 'no login of the same user in the 24h before'],
      ['errors', 1, 'no login of the same user in the 24h before'],
    ],
  );
  // A rule that can't be used would be a 2.
  assert.equal(run.code, 1);
  assert.match(run.stderr, /^2 rules, 2 episodes: 1 high, 1 low$/m);
  assert.match(run.stderr, /error: .*broken\.yml:3:\d+: .*usr_id/);
});

test('a rule that can not be used is named, the others run, and the answer is 2', async () => {
  const table = await detect('--format', 'table', '--level', 'medium', '--rules', box.path('broken.yml'));
  assert.equal(table.code, 2);
  assert.match(table.stdout, /^high +2026-05-01T00:00:00Z +2 min +Denied +\\u\{1b\}\[31mana +3 hits$/m);
  assert.match(table.stdout, /^records of the first:\n {2}slmaudit search --since /m);
  assert.doesNotMatch(table.stdout, /\u001b/);
});

test('--new-only tells an episode once, also where it has gone on meanwhile', async () => {
  assert.equal(episodesOf(await detect('--new-only', '--level', 'medium')).length, 1);
  const later = [9, 300].map(m => line(m, { status: 'denied', user_id: '\u001b[31mana' }));
  await box.run(['ingest', '--source', 'more'], later.join(''));
  const more = episodesOf(await detect('--new-only', '--since', '2026-05-01T00:01:00Z'));
  assert.deepEqual(
    more.map(e => [e.rule.id, e.hits]),
    [
      ['denied', 1],
      ['errors', 1],
    ],
  );
});

test('an episode that has grown tenfold since is told once more, and says how large it was', async () => {
  const crowd = Array.from({ length: 100 }, (_, i) =>
    line(3 + i / 100, { status: 'denied', user_id: '\u001b[31mana' }),
  );
  await box.run(['ingest', '--source', 'crowd'], crowd.join(''));
  const file = box.path('grown.ndjson');
  const args = ['--new-only', '--rule', 'denied', '--notify', `file:${file}`];
  const [episode, ...others] = episodesOf(await detect(...args));
  assert.deepEqual([episode?.hits, episode?.again, others], [104, { telling: 2, before: 3 }, []]);
  const event = JSON.parse(readFileSync(file, 'utf8')) as { id: string; data: Episode };
  assert.deepEqual([event.id, event.data.id], [`${episode!.id}.2`, episode!.id]);
  assert.deepEqual(episodesOf(await detect(...args)), []);
});

test('what a kill has caught between being sent and being remembered, or was not accepted, comes again under its id, and then never', async () => {
  const args = ['--rule', 'errors', '--notify', hook];
  const killed = box.start(['detect', '--no-shipped', '--rules', box.path('own.yml'), ...args]);
  respond = () => void killed.child.kill('SIGKILL');
  assert.equal((await killed.done).code, null);
  const [first] = idsSent();
  respond = (response, url) => void response.writeHead(url.endsWith('/2') ? 500 : 204).end();
  const file = box.path('alerts.ndjson');
  args.push('--notify', `${hook}/2`, '--notify', `file:${file}`, '--notify-for', '100ms');
  const again = await detect(...args);
  assert.equal(again.code, 2);
  assert.deepEqual([...new Set(idsSent())], [first]);
  assert.match(again.stderr, /1 sent to http:\/\/127\.0\.0\.1:\d+;/);
  assert.match(
    again.stderr,
    /error: 1 alert waits for http:\/\/127\.0\.0\.1:\d+: answered 500\nhint: .* the next run/,
  );
  assert.doesNotMatch(again.stdout + again.stderr, /SECRETPATH/);
  const without = await box.run([
    '-q',
    'detect',
    '--no-shipped',
    '--rules',
    box.path('own.yml'),
    '--new-only',
  ]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /error: 1 alert waits for a --notify that was not given now/);
  respond = response => void response.writeHead(200).end();
  assert.equal((await detect(...args)).code, 0);
  assert.deepEqual(idsSent(), [first]);
  assert.deepEqual(
    readFileSync(file, 'utf8')
      .split('\n')
      .map(l => (l === '' ? '' : (JSON.parse(l) as { id: string }).id)),
    [first, ''],
  );
});

test('that a rule has more episodes than are told is said under -q too, and so is what its regular expression lacks, before any number', async () => {
  const noise = Array.from({ length: 10_001 }, (_, i) => line(500, { operation: 'noisy', user_id: `u${i}` }));
  await box.run(['ingest', '--source', 'noise'], noise.join(''));
  writeFileSync(
    box.path('noisy.yml'),
    `title: Noise
logsource: { product: slmaudit }
detection: { it: { operation: noisy }, condition: it }
---
title: Odd
logsource: { product: slmaudit }
detection: { it: { user_id|re: '\\p{Nothing}' }, condition: it }
`,
  );
  const args = ['detect', '--no-shipped', '--rules', box.path('noisy.yml'), '--format', 'ndjson'];
  const quiet = await box.run(['-q', ...args, '--rule', 'noise']);
  assert.equal(quiet.code, 0);
  assert.match(quiet.stderr, /Noise \(.*noisy\.yml:1\): only the latest 10,000 of 10,001 episodes are told/);
  const odd = await box.run([...args, '--level', 'medium', '--rule', 'odd']);
  assert.equal(odd.code, 2);
  assert.match(
    odd.stderr,
    /error: Odd \(.*noisy\.yml:5\) could not be asked: RE2 can't read it: .*\n1 rule, 0/,
  );
});

test('no alert is written into the store; what was asked is a record, without secrets; altered records are no answer', async () => {
  const inside = await detect('--notify', `file:${box.store}/settings`);
  assert.match(inside.stderr, /lies in .*, which holds the store or its keys/);
  writeFileSync(box.path('store', 'settings'), 'log-queries on\n');
  assert.equal((await detect('--rule', 'errors', '--notify', 'exec:cat # SECRET')).code, 0);
  const asked = await box.run(['query', "select extra from records where operation = 'detect'"]);
  assert.match(asked.stdout, /\\"rules\\":\\"errors\\"/);
  assert.doesNotMatch(asked.stdout, /SECRET/);
  writeFileSync(box.path('store', 'settings'), '');
  const payload = box.path(
    'store',
    box.files().find(f => f.endsWith('.parquet'))!,
  );
  writeFileSync(payload, readFileSync(payload, 'latin1').replace('DuckDB', 'DuckDX'), 'latin1');
  const altered = await detect();
  assert.deepEqual([altered.code, altered.stdout], [1, '']);
  const marked = await detect('--allow-unverified');
  assert.match(episodesOf(marked)[0]!.unverified!, /PAYLOAD_ALTERED|not those that were sealed/);
});
