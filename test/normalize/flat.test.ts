import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { nativeLine } from '../../fixtures/traffic/native.ts';
import { PLAN, traffic } from '../../fixtures/traffic/traffic.ts';
import { createDigester, type DigestOptions } from '../../src/ingest/digest.ts';
import { createMac, digestText } from '../../src/keys/hash.ts';
import { KEEP_ALL, type Policy, RULED } from '../../src/log/policy.ts';
import { ordinaryPrivacy } from '../../src/normalize/extra.ts';
import { native } from '../../src/normalize/formats/native.ts';
import { createNormalizer, type Normalizer } from '../../src/normalize/normalize.ts';
import { scannerOf } from '../../src/normalize/secrets.ts';
import { canonicalLine } from '../../src/record/canonical.ts';
import { COLUMNS } from '../../src/record/schema.ts';
import { microsOf } from '../../src/record/time.ts';

const RUNS = Number(process.env['SLMAUDIT_RUNS'] ?? 300);
const KEY = Buffer.alloc(32, 9);

const normalizer = (hashIdentities: boolean, remove: readonly string[], forced: boolean): Normalizer =>
  createNormalizer({
    mac: createMac(KEY),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    times: { zone: 'Europe/Berlin', now: microsOf('2026-06-01T00:00:00.000000Z') },
    privacy: { ...ordinaryPrivacy, scanner: scannerOf(remove), hashIdentities },
    format: { adapter: native, forced },
    scattered: true,
  });

const NORMALIZERS = [
  normalizer(false, [], false),
  normalizer(true, ['email', 'card', 'iban'], true),
] as const;

/** Both ways say the same of the line, or the short one says nothing. How often it spoke. */
function bothWays(raw: Buffer, offset = 4096): number {
  let spoke = 0;
  for (const n of NORMALIZERS) {
    if (!n.flat!.read(raw, offset)) continue;
    spoke++;
    const line = Buffer.alloc(n.flat!.most);
    const said = line.toString('utf8', 0, n.flat!.write(line, 0));
    const outcome = n.line(raw, offset);
    const about = raw.toString('utf8').slice(0, 2000);
    assert.ok('records' in outcome && outcome.records.length === 1, about);
    const [record] = outcome.records;
    assert.equal(said, canonicalLine(record!), about);
    assert.equal(n.flat!.micros, microsOf(record!.ts), about);
    for (const column of RULED) assert.equal(n.flat!.ruled[column], record![column], about);
    assert.deepEqual([outcome.reject, outcome.removed], [undefined, undefined], about);
  }
  return spoke;
}

const TRAFFIC = [...traffic({ ...PLAN, records: 3000, days: 2 })].map(call => nativeLine(call));

/** Two spaces or more stand between them. */
const VALUES: readonly string[] = [
  ...String.raw`
    null  true  false  0  7  -1  -0  01  1.0  1.5  1e3  2147483647  2147483648  999999999999999  1000000000000000
    9007199254740991  9007199254740992  {}  []  [1]  {"a":1}  nul  truex  1 2  ""  "ok"  "error"  "teapot"  "auth"
    "12"  " "  "a b"  "\n"  "\u0061"  "\/"  "\\"  "\""  "\ud800"  "\b\f\n\r\t\"\\"  "\u000b"  "a  "a_b"  "Zoë"
    "192.0.2.7"  "::ffff:192.0.2.7"  "192.0.2.7:80"  "[2001:DB8::1]:80"  "300.1.1.1"  "ana@example.org"
    "/v1/chat?key=abc"  "?"  "/v1#x"  "sk-abcdefghijklmnopqrstu"  "Bearer abcdef"  "password=hunter22"
    "4111 1111 1111 1111"  "GB82 WEST 1234 5698 7654 32"  "AKIAABCDEFGHIJKLMNOP"  "https://a:b@c/"
    "hmac:0123456789abcdef0123456789abcdef"  "litellm_truncated"  "a litellm_truncated b"
    "2026-05-01T00:00:07.603718Z"  "2026-05-01T00:00:07Z"  "2026-05-01T00:00:07.603"  "2026-02-30T00:00:07Z"
    "2026-05-01 00:00:07.1+02:00"  "2026-05-01T00:00:07.1234567Z"  "2026-05-01T23:59:60Z"  1777593607
    "1777593607.603"  "01/May/2026:00:00:07 +0000"  "May  1 00:00:07"`
    .trim()
    .split(/\n *| {2,}/),
  ...['\u{1f600}', '\u2028', '\u00a0', '\ufffd', 'a\tb', '\u007f', '2026-05-01T00:00:07\tZ'].map(
    s => `"${s}"`,
  ),
  ...['2026-05-01T00:00:07\u00a0Z', 'x'.repeat(129), 'y'.repeat(2048), 'z'.repeat(2049)].map(s => `"${s}"`),
];
const TIMES = VALUES.filter(v => /^"\d{4}-|^1777/.test(v));
const NAMES = [
  ...COLUMNS.map(c => c.name),
  'messages',
  'completion',
  'prompt',
  'response',
  'log',
  'time',
  'password',
  'a.b',
  '',
];

/** A value that its column takes. */
const fitting = fc.constantFrom(...COLUMNS.filter(c => c.own !== true && c.type !== 'ts')).chain(c => {
  const word = fc.constantFrom(
    '"ok"',
    '"auth"',
    '"ana"',
    '"10.0.0.1"',
    '"Zoë"',
    '"/v1"',
    '"a-long_word/of:a.kind"',
  );
  const count = fc.constantFrom(
    ...'0 1 01 7 999 2147483647 2147483648 999999999999999 1000000000000000'.split(' '),
  );
  const values = c.type === 'bool' ? fc.boolean().map(String) : c.type === 'text' ? word : count;
  return fc.tuple(fc.constant(c.name), values);
});
const fragments = String.raw`a  bc  \n  \"  \\  é  _  東  \t`.split('  ');
const anyFragment = fc.constantFrom(
  ...fragments,
  ...String.raw`\/  \u0061  \x  litellm_truncated  \ud800`.split('  '),
  'litellm_truncated',
  'b',
);
const text = fc
  .oneof(
    { weight: 6, arbitrary: fc.array(fc.constantFrom(...fragments), { minLength: 1, maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(anyFragment, { maxLength: 3 }) },
  )
  .map(parts => `"${parts.join('')}"`);
const role = fc.constantFrom('"user"', '"user"', '"assistant"', '"system"', '"tool"');
const odd = fc.constantFrom('"User"', '""', '"litellm_truncated"', '"us\\u0065r"', '7');
const message = fc.tuple(role, text).map(([r, t]) => `{"role":${r},"content":${t}}`);
const oddMessage = fc.oneof(
  fc.tuple(odd, text).map(([r, t]) => `{"role":${r},"content":${t}}`),
  fc.tuple(role, text).map(([r, t]) => `{ "role": ${r} , "content": ${t} }`),
  fc.constantFrom(
    '{}',
    '7',
    '{"role":"user"}',
    '{"content":"a","role":"user"}',
    '{"role":"user","content":"a","name":"b"}',
  ),
);
const messages = fc
  .tuple(
    fc.array(message, { maxLength: 3 }),
    fc.array(oddMessage, { maxLength: 1 }),
    fc.constantFrom(',', ', ', ' ,'),
  )
  .map(([some, strange, comma]) => `[${[...some, ...strange].join(comma)}]`);
const member = fc.oneof(
  { weight: 8, arbitrary: fitting },
  { weight: 1, arbitrary: fc.tuple(fc.constant('messages'), messages) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('completion'), text) },
);
/** At most one thing of a line is as it may not be: the rest must not hide it. */
const oddMember = fc.tuple(
  fc.constantFrom(...NAMES),
  fc.oneof(
    fc.constantFrom(...VALUES),
    fc.string({ unit: 'grapheme' }).map(s => JSON.stringify(s)),
  ),
);
const line = fc
  .tuple(
    fc.oneof(fc.constant('"2026-05-01T00:00:07.603718Z"'), fc.constantFrom(...TIMES)),
    fc.uniqueArray(member, { maxLength: 6, selector: ([name]) => name }),
    fc.array(oddMember, { maxLength: 1 }),
    fc.constantFrom(',', ',', ', ', ' ,'),
    fc.constantFrom(':', ':', ': ', ' :'),
    fc.constantFrom('}', '}', '}', '}', ' }', '} ', '},', '', '}\r'),
  )
  .map(([ts, members, strange, comma, colon, end]) => {
    const all = [['ts', ts] as const, ...members, ...strange];
    return Buffer.from(
      `{${all.map(([name, v]) => JSON.stringify(name) + colon + v).join(comma)}${end}`,
      'utf8',
    );
  });

test('a line that is read the short way becomes the record that it becomes the long way', () => {
  let spoke = 0;
  fc.assert(
    fc.property(line, raw => {
      spoke += bothWays(raw);
    }),
    { numRuns: RUNS * 20 },
  );
  assert.ok(spoke > RUNS, `${spoke} lines`);
});

test('and so does a line of traffic with some of its bytes changed', () => {
  const change = fc.tuple(
    fc.constantFrom(...TRAFFIC.slice(0, 500)),
    fc.array(
      fc.tuple(
        fc.nat(1200),
        fc.nat(2),
        fc.oneof(fc.constantFrom(...Buffer.from('"\\,:{}[] 0e-\t\0')), fc.nat(255)),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  );
  let spoke = 0;
  fc.assert(
    fc.property(change, ([whole, places]) => {
      const bytes = [...Buffer.from(whole, 'utf8')];
      for (const [at, gone, byte] of places)
        bytes.splice(at % bytes.length, gone, ...(gone < 2 ? [byte] : []));
      spoke += bothWays(Buffer.from(bytes));
    }),
    { numRuns: RUNS * 10 },
  );
  assert.ok(spoke > RUNS, `${spoke} lines`);
});

test('lines of all formats, whole and cut, are read the short way only to say the same', () => {
  const real = process.env['SLMAUDIT_REAL_DATA'];
  const folders = ['fixtures/formats', ...(real === undefined ? [] : [join(real, 'formats')])];
  let spoke = 0;
  for (const folder of folders)
    for (const name of readdirSync(folder))
      for (const whole of readFileSync(join(folder, name), 'utf8').split('\n').slice(0, 2000)) {
        const raw = Buffer.from(whole, 'utf8');
        spoke += bothWays(raw, 0);
        spoke += bothWays(raw.subarray(0, raw.length >> 1));
      }
  assert.ok(spoke > 0);
});

const OPTIONS: DigestOptions = {
  recordKey: KEY,
  recordKeyId: '0a1b2c3d',
  name: 'gw',
  stream: 'ab'.repeat(16),
  ordinal: 3,
  times: {},
  live: false,
  scattered: true,
  maxLine: 1 << 20,
  hashIdentities: false,
  remove: [],
};
const RULES: Policy = {
  ...KEEP_ALL,
  classes: [...KEEP_ALL.classes, { name: 'logins', min: 7, age: 'sealed', basis: [] }],
  rules: [{ class: 'logins', where: [{ column: 'event_type', values: ['auth'] }] }],
};

/** A reject is sealed with a nonce of its own, so its frame is another each time. */
function digests(lines: readonly string[]) {
  const bytes = Buffer.from(lines.map((l, i) => `${l}${i % 7 === 0 ? '\r' : ''}\n`).join(''), 'utf8');
  // Each line told by itself: nothing is read the short way then.
  return [{}, { format: { name: 'native', forced: false } }].map(format => {
    const digester = createDigester({ ...OPTIONS, ...format }, () => RULES);
    const { frames, leaves, ...rest } = digester.lines({ bytes, start: 0, line: 1 });
    return { frames: digestText(frames), leaves: digestText(leaves), rest: { ...rest, bytes: bytes.length } };
  });
}

test('all traffic is read the short way, to the same frames, leaves, classes and counts', () => {
  const [long, short] = digests([...TRAFFIC, '', '{"ts":1777593607,"x":{}}', ...TRAFFIC.slice(0, 9)]);
  assert.deepEqual(short, long);
  assert.deepEqual([...short!.rest.classNames].sort(), ['default', 'logins']);
  const { flat } = NORMALIZERS[0];
  const spoke = TRAFFIC.filter(l => flat!.read(Buffer.from(l, 'utf8'), 0)).length;
  assert.equal(spoke, TRAFFIC.length);
});

test('what is rejected the long way is rejected, and counted so', () => {
  const [{ frames: _l, ...long }, { frames: _s, ...short }] = digests([
    '{"ts":"teapot"}',
    '\ufeff{}',
    '{"ts":1777593607,"ts":1777593607}',
    '{"ts":"2026-05-01T00:00:07Z"',
    ...TRAFFIC.slice(0, 9),
    '{"ts":"2026-05-01T00:00:07Z","user_id":"a","user_id":"a"}',
    '{"ts":"2026-05-01T00:00:07Z",}',
    '{}\0',
  ]) as [Digests, Digests];
  assert.deepEqual(short, long);
  assert.deepEqual(short.rest.reasons, { no_time: 1, not_json: 3, duplicate_member: 2, raw_nul: 1 });
});

type Digests = ReturnType<typeof digests>[number];
