import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OPTIONAL_RULES } from '../../src/normalize/names.ts';
import { RULE_NAMES, scannerOf } from '../../src/normalize/secrets.ts';
import { OPTIONAL_SECRETS, SECRETS } from '../secrets.ts';

const scanner = scannerOf([]);
const all = scannerOf(OPTIONAL_RULES);

test('every rule has a secret planted for it, and finds it', () => {
  const planted = new Set([...SECRETS, ...OPTIONAL_SECRETS].map(s => s.rule));
  assert.deepEqual(
    [...planted].sort(),
    RULE_NAMES.filter(rule => rule !== 'secret_name' && rule !== 'identity').sort(),
  );
  assert.ok(SECRETS.length >= 30);
  for (const { rule, text } of SECRETS) assert.equal(scanner.find(text), rule, text);
  for (const { rule, text } of OPTIONAL_SECRETS)
    assert.deepEqual([all.find(text), scanner.find(text)], [rule, undefined], text);
});

test('a secret is found and taken out wherever it stands in a text', () => {
  const around = fc.string({ maxLength: 40, unit: fc.constantFrom(...' abc,.;:()[]{}"\'\n/'.split('')) });
  fc.assert(
    fc.property(fc.constantFrom(...SECRETS), around, around, ({ text, core }, before, after) => {
      const whole = `${before} ${text} ${after}`;
      assert.notEqual(scanner.find(whole), undefined);
      const { text: left, removed } = scanner.scrub(whole);
      assert.ok(!left.includes(core), left);
      assert.ok(Object.values(removed).reduce((sum, n) => sum + n, 0) >= 1);
    }),
    { numRuns: 2000 },
  );
});

test('a secret in a URL in a URL is found however often it was escaped, and taken out with its word', () => {
  for (const { rule, text } of [...SECRETS, ...OPTIONAL_SECRETS]) {
    const url = `/fetch/${encodeURIComponent(text)}`;
    const each = text.replaceAll(/[ -~]/g, c => `%${c.charCodeAt(0).toString(16)}`);
    for (const path of [url, url.replaceAll('%', '%25'), `/fetch/${each}`])
      assert.notEqual(all.find(path), undefined, `${rule} ${path}`);
    const { text: left } = all.scrub(`GET ${url} "kept"`);
    assert.match(left, /^GET .*\[removed:\w+\].* "kept"$/, `${rule} ${left}`);
  }
  for (const path of ['/v1/caf%C3%A9', '/a%20b?x=%7B%7D', '/100%', '/%zz/%2', '/search/token%3D'])
    assert.equal(scanner.find(path), undefined, path);
});

test('a broken line of JSON loses the secrets of its members and keeps the rest', () => {
  const broken =
    '{"user":"ana","password":"hun\\"ter2","headers":{"Authorization":["Token abc"],"x-api-key":"k-1"},"token":"t","tokens":12,"prompt":"hi';
  const { text, removed } = scanner.scrub(broken);
  assert.equal(
    text,
    '{"user":"ana","password":"[removed:secret_name]","headers":{"Authorization":["[removed:secret_name]"],"x-api-key":"[removed:secret_name]"},"token":"[removed:secret_name]","tokens":12,"prompt":"hi',
  );
  assert.deepEqual(removed, { secret_name: 4 });
  assert.deepEqual(scanner.scrub(text), { text, removed: {} });
  const escaped = String.raw`{"url":"https:\/\/u:p4ss@x.example\/a?b=1\u0026token=abc","k":"v"}`;
  assert.ok(!/p4ss|abc/.test(scanner.scrub(escaped).text), scanner.scrub(escaped).text);
  assert.doesNotThrow(() => JSON.parse(scanner.scrub(escaped).text) as unknown);
});

test('what only looks a little like a secret stays', () => {
  for (const text of [
    'chatcmpl-9f8a7b6c5d4e3f2a1b0c9d8e',
    'req_011CSHoEeqs5C35K2UUqR7Fy',
    '3f2a1b0c-9d8e-4f7a-b6c5-d4e3f2a1b0c9',
    'hf_internal_testing_tiny_random_gpt2',
    'meta-llama/Llama-3.1-8B-Instruct',
    'curl/8.5.0 (x86_64-pc-linux-gnu) libcurl/8.5.0',
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    '/v1/chat/completions',
    'Basic authentication failed',
    'api_key=[removed:api_key]',
    'password: ****',
    'sha256:5f0e9a1c3b7d2e4f6a8b0c1d5f0e9a1c5f0e9a1c3b7d2e4f6a8b0c1d5f0e9a1c',
    'task-0123456789abcdef0123',
    '4111 1111 1111 1112',
    'DE88 3704 0044 0532 0130 00',
  ])
    assert.equal(all.find(text), undefined, text);
});

/** Beginnings that could make a pattern look again at what it has read. A quadratic one would need hours for these. */
test('every rule reads a hostile half megabyte in time that grows with its length', () => {
  const SIZE = 1 << 19;
  for (const unit of [
    '-----BEGIN ',
    '-----BEGIN A-----END ',
    'AGE-SECRET-KEY-1',
    'eyJ-',
    `eyJ${'a'.repeat(15)}.`,
    'sk-',
    `sk-${'a'.repeat(15)} `,
    'hf_a-',
    'hf_' + '_'.repeat(25),
    'AKIA',
    'xoxb-',
    'hooks.slack.com/',
    'SG.' + 'a'.repeat(30) + '.',
    'SG.a-',
    'SK0',
    '1:AA',
    '1',
    '1 ',
    'npm_',
    'npm_' + 'a'.repeat(30) + ' ',
    'Bearer ',
    'Basic a',
    'Basic ' + 'a'.repeat(20) + ' ',
    'cookie:',
    'cookie: a ',
    'sess',
    '://a:',
    '://' + 'a'.repeat(300),
    '://a:b ',
    ':/',
    '?key',
    '?token=',
    '&amp;',
    'password',
    'password =',
    'secretkey',
    'secret="',
    'password=::::',
    'password=' + ':['.repeat(90),
    '"password":"',
    '"token":"\\',
    '"token"' + ' '.repeat(9),
    '"a',
    'a@',
    'a@b.',
    'a.',
    'DE00',
    'DE00 ABCD ',
    '\\"',
    '[{"',
  ]) {
    const text = unit.repeat(Math.ceil(SIZE / unit.length));
    all.find(text);
    all.scrub(text);
  }
});
