import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Told, type Trial, withTrial } from '../../src/duck/trial.ts';
import { rulesIn } from '../../src/rules/read.ts';

/** Which of these, by their number, a detection finds. */
type Found = (detection: string, own?: string) => Promise<number[]>;

async function among(events: readonly Told[], work: (found: Found) => Promise<void>): Promise<void> {
  await withTrial(async (trial: Trial) => {
    const ts = '2026-05-01T00:00:00Z';
    await trial.tell(
      events.map(event => ({ ts, ...event })),
      [],
    );
    await work(async (detection, own = '') => {
      const yaml = `title: it\nlogsource: { product: slmaudit }\ndetection:\n  ${detection.replaceAll('\n', '\n  ')}\n${own}`;
      const { rules, problems } = rulesIn([['it.yml', yaml]]);
      assert.deepEqual(problems, [], detection);
      const rows = await trial.all(rules[0]!.hits);
      return rows.map(row => Number(row['seq'])).toSorted((a, b) => a - b);
    });
  });
}

const agents = (...texts: string[]): Told[] => texts.map(user_agent => ({ user_agent }));
const of = (item: string): string => `s: { ${item} }\ncondition: s`;

test('a value is the whole text, whatever its case, where nothing else is said', () =>
  among(agents('Curl', 'curl/8', 'acurl', 'ÜBER'), async found => {
    assert.deepEqual(await found(of('user_agent: CURL')), [0]);
    assert.deepEqual(await found(of('user_agent|cased: curl')), []);
    assert.deepEqual(await found(of('user_agent|startswith: curl')), [0, 1]);
    assert.deepEqual(await found(of('user_agent|endswith: curl')), [0, 2]);
    assert.deepEqual(await found(of('user_agent|contains: URL')), [0, 1, 2]);
    assert.deepEqual(await found(of('user_agent|contains|cased: URL')), []);
    assert.deepEqual(await found(of('user_agent: über')), [3]);
  }));

test('* and ? are wild, and escaped they are themselves; a lone \\ is one', () =>
  among(agents('a*b', 'aXXb', 'aXb', 'a\\b', 'a\\\\b', 'a\nb', 'a%b', 'a.b'), async found => {
    assert.deepEqual(await found(of("user_agent: 'a*b'")), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(await found(of("user_agent: 'a?b'")), [0, 2, 3, 5, 6, 7]);
    assert.deepEqual(await found(of("user_agent: 'a\\*b'")), [0]);
    assert.deepEqual(await found(of("user_agent: 'a\\b'")), [3]);
    assert.deepEqual(await found(of("user_agent: 'a\\\\b'")), [3]);
    assert.deepEqual(await found(of("user_agent: 'a\\\\\\\\b'")), [4]);
    assert.deepEqual(await found(of("user_agent: 'a%b'")), [6]);
    assert.deepEqual(await found(of("user_agent|contains: '.'")), [7]);
    assert.deepEqual(await found(of("user_agent: '*X?'")), [1, 2]);
  }));

test('lists are or, and with all they are and; maps are and, lists of maps or', () =>
  among(
    [
      { user_agent: 'a b', model: 'm' },
      { user_agent: 'a', model: 'm' },
      { user_agent: 'b', model: 'n' },
    ],
    async found => {
      assert.deepEqual(await found(of('user_agent|contains: [a, b]')), [0, 1, 2]);
      assert.deepEqual(await found(of('user_agent|contains|all: [a, b]')), [0]);
      assert.deepEqual(await found(of('user_agent|contains: a, model: m')), [0, 1]);
      assert.deepEqual(await found('s: [{ user_agent: a }, { model: n }]\ncondition: s'), [1, 2]);
      assert.deepEqual(await found(of('user_agent|neq: [a, b]')), [0]);
    },
  ));

test('not holds of what lacks the field; null and exists ask for that', () =>
  among([{ user_id: 'ann' }, { user_id: 'bob' }, {}], async found => {
    assert.deepEqual(await found('s: { user_id: ann }\ncondition: not s'), [1, 2]);
    assert.deepEqual(
      await found('s: { user_id: ann, model: x }\nt: { user_id: bob }\ncondition: not (s or t)'),
      [0, 2],
    );
    assert.deepEqual(await found('s: { user_id: ann }\ncondition: not (not s)'), [0]);
    assert.deepEqual(await found(of('user_id: null')), [2]);
    assert.deepEqual(await found(of('user_id: [null, bob]')), [1, 2]);
    assert.deepEqual(await found(of('user_id|exists: false')), [2]);
    assert.deepEqual(await found(of('user_id|exists: true')), [0, 1]);
    assert.deepEqual(await found(of("user_id: '*'")), [0, 1]);
    assert.deepEqual(await found(of('user_id|neq: ann')), [1, 2]);
  }));

test('not binds before and, and before or; patterns of searches leave out what begins with _', () =>
  among(agents('a', 'b', 'c', 'd'), async found => {
    const searches = `sel_a: { user_agent: a }\nsel_b: { user_agent: b }\n_own: { user_agent: c }\n`;
    assert.deepEqual(await found(`${searches}condition: sel_a or sel_b and not sel_b`), [0]);
    assert.deepEqual(await found(`${searches}condition: (sel_a or sel_b) and not sel_b`), [0]);
    assert.deepEqual(await found(`${searches}condition: not sel_a and not sel_b`), [2, 3]);
    assert.deepEqual(await found(`${searches}condition: 1 of sel_*`), [0, 1]);
    assert.deepEqual(await found(`${searches}condition: 1 of them`), [0, 1]);
    assert.deepEqual(await found(`${searches}condition: all of sel_*`), []);
    assert.deepEqual(await found(`${searches}condition: not 1 of them and not _own`), [3]);
    assert.deepEqual(await found(`${searches}condition: [sel_a, _own]`), [0, 2]);
  }));

test('re minds the case, looks anywhere, and takes i, m and s', () =>
  among(agents('Curl/8.1', 'curl\nx.y', 'name=ann'), async found => {
    assert.deepEqual(await found(of("user_agent|re: 'curl'")), [1]);
    assert.deepEqual(await found(of("user_agent|re|i: '^curl'")), [0, 1]);
    assert.deepEqual(await found(of("user_agent|re: '^x'")), []);
    assert.deepEqual(await found(of("user_agent|re|m: '^x'")), [1]);
    assert.deepEqual(await found(of("user_agent|re: 'curl.x'")), []);
    assert.deepEqual(await found(of("user_agent|re|s: 'curl.x'")), [1]);
    assert.deepEqual(await found(of("user_agent|re: '(?<key>name)\\u003d[a-z]{3}$'")), [2]);
  }));

test('numbers, truth, times and parts of times compare as what they are', () =>
  among(
    [
      { http_status: 401, mfa: true, ts: '2026-05-09T23:30:00Z' },
      { http_status: 500, mfa: false, ts: '2026-05-12T06:00:00Z' },
      { http_status: 4010, ts: '2026-05-12T06:00:00.000001Z' },
    ],
    async found => {
      assert.deepEqual(await found(of("http_status: '401'")), [0]);
      assert.deepEqual(await found(of('http_status|startswith: 401')), [0, 2]);
      assert.deepEqual(await found(of('http_status|gte: 500')), [1, 2]);
      assert.deepEqual(await found(of('http_status|lt: 500')), [0]);
      assert.deepEqual(await found(of('mfa: false')), [1]);
      assert.deepEqual(await found(of("ts|gt: '2026-05-12T06:00:00Z'")), [2]);
      assert.deepEqual(await found(of('ts|hour: 23')), [0]);
      assert.deepEqual(await found(of('ts|hour|lte: 6')), [1, 2]);
      assert.deepEqual(await found(of('ts|weekday: 7'), 'slmaudit: { zone: Europe/Berlin }'), [0]);
      assert.deepEqual(await found(of('ts|weekday: 6')), [0]);
    },
  ));

test('cidr is exact for both kinds of address; an address is written in any way', () =>
  among(
    ['10.1.2.3', '10.1.3.1', '172.31.0.1', '172.32.0.1', '2001:db8::1', '2001:db9::1', 'hmac:10.1.2.3'].map(
      client_ip => ({ client_ip }),
    ),
    async found => {
      assert.deepEqual(await found(of('client_ip|cidr: 10.1.2.0/24')), [0]);
      assert.deepEqual(await found(of('client_ip|cidr: 10.1.2.0/23')), [0, 1]);
      assert.deepEqual(await found(of("client_ip|cidr: ['172.16.0.0/12', '2001:db8::/32']")), [2, 4]);
      assert.deepEqual(await found(of('client_ip|cidr: 10.1.2.3/32')), [0]);
      assert.deepEqual(await found(of("client_ip: '2001:DB8:0::0001'")), [4]);
      assert.deepEqual(await found(of("c-ip: '172.*'")), [2, 3]);
    },
  ));

test('base64, base64offset, wide and windash find what was written in those ways', () => {
  const hidden = (text: string, encoding: BufferEncoding): string[] =>
    ['', 'x', 'xx'].map(before => Buffer.from(`${before}${text}yz`, encoding).toString('base64'));
  const told = agents(
    ...hidden('whoami', 'utf8'),
    ...hidden('whoami', 'utf16le'),
    Buffer.from('whoami').toString('base64'),
    'cmd –c x/y',
    'cmd /c x/y',
    'cmd -c x-y',
  );
  return among(told, async found => {
    assert.deepEqual(await found(of('user_agent|base64offset|contains: whoami')), [0, 1, 2, 6]);
    assert.deepEqual(await found(of('user_agent|wide|base64offset|contains: whoami')), [3, 4, 5]);
    assert.deepEqual(await found(of('user_agent|base64: whoami')), [6]);
    assert.deepEqual(await found(of("user_agent|windash|contains: ' -c x/y'")), [7, 8]);
  });
});

test('fieldref compares two fields; keywords look into every text', () =>
  among(
    [
      { model: 'Phi-4', model_requested: 'phi-4', session_id: 's', user_id: 's1' },
      { model: 'phi-4', model_requested: 'gemma', extra: '{"note":"Found IT here"}' },
      { labels: '{"team":"red"}', extra: '{"a":{"b":"deep"}}' },
    ],
    async found => {
      assert.deepEqual(await found(of('model|fieldref: model_requested')), [0]);
      assert.deepEqual(await found(of('model|fieldref|cased: model_requested')), []);
      assert.deepEqual(await found(of('user_id|fieldref|startswith: session_id')), [0]);
      assert.deepEqual(await found('k: [found it, nowhere]\ncondition: k'), [1]);
      assert.deepEqual(await found("k: ['gem*note']\ncondition: k"), []);
      assert.deepEqual(await found("k: ['f*und it']\ncondition: k"), [1]);
      assert.deepEqual(await found("k: { '|all': [gemma, here] }\ncondition: k"), [1]);
      assert.deepEqual(await found(of('labels.team: RED, extra.a.b|contains: eep')), [2]);
    },
  ));
