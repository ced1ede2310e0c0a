import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { deliver, type Delivery } from '../../src/detect/deliver.ts';
import { cloudEvent } from '../../src/detect/event.ts';
import { State } from '../../src/detect/state.ts';
import { targetOf } from '../../src/detect/target.ts';
import { madeEpisode } from './episodes.ts';

const root = mkdtempSync(join(tmpdir(), 'slmaudit-deliver-'));
const ONE = madeEpisode('ana', 1);
const EVENT = cloudEvent('test.example/log', ONE);

interface Got {
  readonly path: string;
  readonly method: string;
  readonly type: string | undefined;
  readonly body: string;
}

let got: Got[] = [];
let respond: (response: ServerResponse, request: IncomingMessage, n: number) => void;
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    const { url: path = '', method = '', headers } = request;
    got.push({ path, method, type: headers['content-type'], body });
    respond(response, request, got.length);
  });
});
const elsewhere = createServer((_, response) => {
  got.push({ path: 'elsewhere', method: '', type: '', body: '' });
  response.end();
});
const originOf = (of: typeof server): string => `http://127.0.0.1:${(of.address() as AddressInfo).port}`;

before(async () => {
  for (const one of [server, elsewhere]) await new Promise<void>(done => one.listen(0, '127.0.0.1', done));
});
beforeEach(() => {
  got = [];
  respond = response => void response.writeHead(204).end();
});
after(() => {
  for (const one of [server, elsewhere]) {
    one.closeAllConnections();
    one.close();
  }
  rmSync(root, { recursive: true, force: true });
});

let states = 0;
const fresh = (): string => join(root, `state-${states++}`);

/** What a run does with an episode that it has found. */
async function run(
  folder: string,
  text: string,
  { withinMs = 20_000, tryMs = 10_000, firstPauseMs = 10, episodes = [ONE] } = {},
): Promise<Delivery> {
  const state = await State.open(folder, 'test.example/log');
  try {
    const target = targetOf(text);
    state.promise(target.key, episodes, e => cloudEvent('test.example/log', e));
    return await deliver(state, target, { withinMs, tryMs, firstPauseMs });
  } finally {
    state.close();
  }
}

/** The next try would come too late, however slow the machine is. */
const ONE_TRY = { firstPauseMs: 60_000 };
const SECRET = '/services/T0000/XXXXSECRETXXXX?token=hidden';

test('an episode is a CloudEvent that is posted once: an accepted answer is remembered across runs', async () => {
  const folder = fresh();
  const { accepted, left, target } = await run(folder, originOf(server) + SECRET);
  assert.deepEqual([accepted, left, target.label], [1, 0, originOf(server)]);
  await run(folder, originOf(server) + SECRET);
  assert.equal(got.length, 1);
  assert.deepEqual(got[0], {
    path: SECRET,
    method: 'POST',
    type: 'application/cloudevents+json; charset=UTF-8',
    body: EVENT,
  });
  const { data, ...envelope } = JSON.parse(EVENT) as { data: object };
  assert.deepEqual(envelope, {
    specversion: '1.0',
    id: 'ana-1',
    source: 'test.example/log',
    type: 'slmaudit.episode.v1',
    subject: 'a-rule',
    time: '2026-05-01T00:01:00.000000Z',
    datacontenttype: 'application/json',
  });
  assert.deepEqual(data, ONE);
  // Another target is another matter.
  await run(folder, `${originOf(server)}/other`);
  assert.equal(got.length, 2);
});

test('answers 500 and 503 are tried again with the same event until one is accepted', async () => {
  respond = (response, _, n) => void response.writeHead([500, 503, 202][n - 1]!).end();
  const { accepted } = await run(fresh(), originOf(server));
  assert.equal(accepted, 1);
  assert.deepEqual(
    got.map(g => g.body),
    [EVENT, EVENT, EVENT],
  );
});

test('429 is tried again when it says, and in the next run where that is too late', async () => {
  const folder = fresh();
  respond = response => void response.writeHead(429, { 'retry-after': '3600' }).end();
  const late = await run(folder, originOf(server));
  assert.deepEqual([late.left, late.why, got.length], [1, 'answered 429', 1]);
  respond = (response, _, n) =>
    void (n === 2 ? response.writeHead(429, { 'retry-after': '1' }) : response.writeHead(200)).end();
  const began = performance.now();
  assert.equal((await run(folder, originOf(server))).accepted, 1);
  assert.ok(performance.now() - began >= 990);
});

test('what a webhook answers in any other way leaves the alert waiting, and says why without its path', async () => {
  const cases: [name: string, expected: RegExp, answer: typeof respond][] = [
    ['nothing at all', /^no answer within 0\.1 s$/, () => undefined],
    ['a header byte by byte', /^no answer within 0\.1 s$/, response => void trickle(response)],
    ['404', /^answered 404$/, response => void response.writeHead(404).end('x'.repeat(1 << 20))],
    ['401', /^answered 401$/, response => void response.writeHead(401).end()],
    ['no HTTP', /^Parse Error/, response => void response.socket!.end('what?\r\n\r\n')],
    ['a hang-up', /^socket hang up$/, response => void response.socket!.destroy()],
    [
      'a redirect elsewhere',
      /^307, a redirect to http:\/\/127\.0\.0\.1:\d+, which is not followed$/,
      response => void response.writeHead(307, { location: `${originOf(elsewhere)}/x` }).end(),
    ],
    [
      'a redirect to metadata',
      /^307, a redirect to http:\/\/169\.254\.169\.254, which is not followed$/,
      response => void response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end(),
    ],
    [
      'a redirect that drops the body',
      /^302, a redirect to /,
      response => void response.writeHead(302, { location: '/here' }).end(),
    ],
    [
      'a redirect that never ends',
      /^308, a redirect to /,
      response => void response.writeHead(308, { location: '/again' }).end(),
    ],
    [
      'a redirect to nowhere',
      /^307, a redirect to nowhere/,
      response => void response.writeHead(307, { location: 'http://[' }).end(),
    ],
  ];
  for (const [name, expected, answer] of cases) {
    const folder = fresh();
    respond = answer;
    const {
      left,
      why = '',
      target,
    } = await run(folder, originOf(server) + SECRET, {
      ...ONE_TRY,
      ...(expected.source.includes('within') && { tryMs: 120 }),
    });
    assert.equal(left, 1, name);
    assert.match(why, expected, name);
    assert.doesNotMatch(`${why} ${target.label}`, /SECRET|hidden|services/, name);
    assert.ok(!got.some(g => g.path === 'elsewhere'), name);
    respond = response => void response.writeHead(200).end();
    assert.equal((await run(folder, originOf(server) + SECRET)).accepted, 1, name);
  }
});

async function trickle(response: ServerResponse): Promise<void> {
  for (const byte of 'HTTP/1.1 200 OK\r\n') {
    if (response.socket?.destroyed !== false) return;
    response.socket.write(byte);
    await new Promise(done => setTimeout(done, 40));
  }
}

test('a redirect on the same origin that keeps the method is followed; a body without end is not read', async () => {
  respond = (response, { url }) => {
    if (url === '/old') response.writeHead(307, { location: '/new' }).end();
    else {
      response.writeHead(200);
      const more = (): void =>
        void (response.destroyed || (response.write('x'.repeat(1 << 16)), setImmediate(more)));
      more();
    }
  };
  assert.equal((await run(fresh(), `${originOf(server)}/old`)).accepted, 1);
  assert.deepEqual(
    got.map(g => [g.method, g.path, g.body === EVENT]),
    [
      ['POST', '/old', true],
      ['POST', '/new', true],
    ],
  );
});

test('what is no TLS is not tried again, and a name that is none waits', async () => {
  const plain = await run(fresh(), `https://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  assert.equal(plain.left, 1);
  assert.equal(got.length, 0);
  const closed = await run(fresh(), 'http://127.0.0.1:1/x', ONE_TRY);
  assert.match(closed.why!, /ECONNREFUSED/);
});

test('a target that refuses three in a row is left alone, and one that refuses one gets the others', async () => {
  const episodes = Array.from({ length: 6 }, (_, i) => madeEpisode('ana', i * 1000));
  respond = response => void response.writeHead(403).end();
  const none = await run(fresh(), originOf(server), { episodes });
  assert.deepEqual([none.left, got.length], [6, 3]);
  got = [];
  respond = (response, _, n) => void response.writeHead(n === 2 ? 400 : 200).end();
  const most = await run(fresh(), originOf(server), { episodes });
  assert.deepEqual([most.accepted, most.left], [5, 1]);
});

test('a command gets the event on its input and nothing of it in its words; its exit code answers', async () => {
  const folder = fresh();
  const out = join(root, 'out');
  const evil = { ...madeEpisode(`$(touch ${root}/pwned); \`touch ${root}/pwned\``, 3), id: 'evil' };
  assert.equal((await run(folder, `exec:cat >> ${out}`, { episodes: [evil] })).accepted, 1);
  await run(folder, `exec:cat >> ${out}`, { episodes: [evil] });
  assert.equal(readFileSync(out, 'utf8'), `${cloudEvent('test.example/log', evil)}\n`);
  assert.ok(!existsSync(join(root, 'pwned')));
  const failed = await run(fresh(), 'exec:echo no mail today >&2; exit 3', ONE_TRY);
  assert.deepEqual(
    [failed.left, failed.why, failed.target.label],
    [1, 'exit code 3: no mail today', 'exec:echo'],
  );
  const began = performance.now();
  const hung = await run(fresh(), 'exec:sleep 60 & sleep 60', { withinMs: 100 });
  assert.match(hung.why!, /^it took longer than 0\.1 s$/);
  assert.ok(performance.now() - began < 30_000);
  const unknown = await run(fresh(), 'exec:TOKEN=secret no-such-command-here');
  assert.match(unknown.why!, /^exit code 127/);
  assert.equal(unknown.target.label, 'exec:...');
});

test('a file gets a line each, behind what a kill has cut', async () => {
  const path = join(root, 'alerts.ndjson');
  writeFileSync(path, '{"cut":');
  assert.equal(
    (await run(fresh(), `file:${path}`, { episodes: [ONE, madeEpisode('bo', 5000)] })).accepted,
    2,
  );
  const lines = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual(
    lines.map(l => l.length > 0),
    [true, true, true, false],
  );
  assert.equal(lines[1], EVENT);
  const folder = await run(fresh(), `file:${root}`);
  assert.deepEqual([folder.left, /EISDIR/.test(folder.why!)], [1, true]);
});

test('what is no target is refused without being said', () => {
  for (const text of ['ftp://ana:secret@x', 'exec:', 'file:', 'https://', 'nonsense-secret', 'HTTPS:x'])
    assert.throws(
      () => targetOf(text),
      (error: Error) => /--notify takes/.test(error.message) && !/secret/.test(error.message),
      text,
    );
});
