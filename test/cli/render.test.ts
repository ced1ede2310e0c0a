import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import stringWidth from 'string-width';
import type { Context } from '../../src/cli/command.ts';
import { printList } from '../../src/cli/render/list.ts';
import { type RowFormat, rowSink } from '../../src/cli/render/rows.ts';
import { UNSEEN } from '../../src/record/unseen.ts';
import { unobeyed } from '../../src/cli/voice.ts';
import type { Cell, ResultColumn } from '../../src/duck/job.ts';

const text = (name: string): ResultColumn => ({ name, numeric: false });
const number = (name: string): ResultColumn => ({ name, numeric: true });

async function rendered(
  format: RowFormat,
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  width?: number,
): Promise<string> {
  let out = '';
  const print = (more: string): Promise<boolean> => {
    out += more;
    return Promise.resolve(true);
  };
  const sink = rowSink(format, print, { width, title: 'a <title>' });
  await sink.columns(columns);
  for (const row of rows) await sink.rows([row]);
  await sink.end();
  return out;
}

test('what is for machines is obeyed by no terminal either: JSON keeps its values there, CSV is spelled', async () => {
  const sign = '\u001b[31m\u009b\u202e\u200b\u007f\r\u{e0041}"';
  const onTerminal = async (format: RowFormat): Promise<string> => {
    let out = '';
    const print = Object.assign((more: string) => Promise.resolve(Boolean((out += unobeyed(more)))), {
      isTerminal: true,
    });
    const sink = rowSink(format, print);
    await sink.columns([text(sign)]);
    await sink.rows([[`a${sign}\nb`]]);
    await sink.end();
    return out;
  };
  for (const format of ['json', 'ndjson', 'csv'] as const) {
    const out = await onTerminal(format);
    assert.deepEqual(out.replaceAll('\n', '').match(UNSEEN), null, format);
    if (format !== 'csv') assert.deepEqual([JSON.parse(out)].flat(), [{ [sign]: `a${sign}\nb` }]);
  }
});

const table = (
  columns: readonly ResultColumn[],
  rows: readonly (readonly Cell[])[],
  width?: number,
): Promise<string> => rendered('table', columns, rows, width);

test('a table is as wide as it is where nobody says how wide it may be: numbers right, texts left, nothing cut', async () => {
  assert.equal(
    await table(
      [text('user'), number('n'), text('none')],
      [
        ['ana', 7, null],
        ['bo', 1234, null],
      ],
    ),
    'user     n  none\nana      7\nbo    1234\n2 rows\n',
  );
  assert.equal(await table([text('user')], []), '0 rows\n');
  const long = 'x'.repeat(500);
  assert.ok((await table([text('a')], [[long]])).includes(long));
  const many = Array.from({ length: 1003 }, (_, i) => [i]);
  assert.match(
    await table([number('n')], many),
    /\n999\n1,003 rows; 1,000 shown; --format ndjson prints all\n$/,
  );
});

test('a number that all rows share is said once too, where a block a row would stand there instead', async () => {
  const columns = [text('day'), number('sealed'), ...['pruned', 'redacted', 'held'].map(number)];
  const rows = [1, 2].map(n => [`2026-05-0${n}`, n * 1000, 0, 0, 0]);
  assert.equal(
    await table(columns, rows, 30),
    'day         sealed  held\n2026-05-01    1000     0\n2026-05-02    2000     0\nin all of them: pruned 0,\nredacted 0\n2 rows\n',
  );
});

const SEARCHED = [
  number('seq'),
  text('ts'),
  text('user_id'),
  text('client_ip'),
  number('input_tokens'),
  text('error_type'),
];
const found = (n: number, user: string, fraction = '123456'): readonly Cell[] => [
  290_000 + n,
  `2026-07-26T02:05:0${n}.${fraction}Z`,
  user,
  `2001:db8:102:10c2::${n}`,
  1000 + n,
  null,
];

test('a table that must fit gives up, one after the other, what is missed least, and never a time or a number', async () => {
  const two = [found(1, 'svc-ticket-summary'), found(2, 'svc-ticket-summary')];
  const seen = async (width: number): Promise<string[]> => {
    const out = await table(SEARCHED, two, width);
    for (const line of out.split('\n')) assert.ok(stringWidth(line) <= width, line);
    return out.trimEnd().split('\n');
  };
  assert.deepEqual(await seen(120), [
    '   seq  ts                           user_id             client_ip             input_tokens  error_type',
    '290001  2026-07-26T02:05:01.123456Z  svc-ticket-summary  2001:db8:102:10c2::1          1001',
    '290002  2026-07-26T02:05:02.123456Z  svc-ticket-summary  2001:db8:102:10c2::2          1002',
    '2 rows',
  ]);
  assert.deepEqual(await seen(95), [
    '   seq  ts                        user_id             client_ip             input_',
    '                                                                            tokens',
    '290001  2026-07-26T02:05:01.123Z  svc-ticket-summary  2001:db8:102:10c2::1    1001',
    '290002  2026-07-26T02:05:02.123Z  svc-ticket-summary  2001:db8:102:10c2::2    1002',
    '2 rows; 1 empty column not shown',
  ]);
  assert.deepEqual(await seen(70), [
    '   seq  ts                        client_ip             input_',
    '                                                        tokens',
    '290001  2026-07-26T02:05:01.123Z  2001:db8:102:10c2::1    1001',
    '290002  2026-07-26T02:05:02.123Z  2001:db8:102:10c2::2    1002',
    'in all of them: user_id svc-ticket-summary',
    '2 rows; 1 empty column not shown',
  ]);
  assert.deepEqual(await seen(52), [
    '   seq  ts                    client_ip       input_',
    '                                              tokens',
    '290001  2026-07-26T02:05:01Z  2001:db8:102:…    1001',
    '290002  2026-07-26T02:05:02Z  2001:db8:102:…    1002',
    'in all of them: user_id svc-ticket-summary',
    '2 rows; 1 empty column not shown; long texts are',
    'cut; --json has them',
  ]);
});

test('times are shown to the minute before a table becomes blocks, and that is said', async () => {
  const columns = [text('who'), text('first'), text('last')];
  const day = (n: number): readonly Cell[] => [
    ['', 'ana', 'bo'][n]!,
    `2026-05-0${n}T10:20:30.500000Z`,
    `2026-05-0${n}T11:00:01.000000Z`,
  ];
  assert.equal(
    await table(columns, [day(1), day(2)], 45),
    'who  first              last\nana  2026-05-01T10:20Z  2026-05-01T11:00Z\nbo   2026-05-02T10:20Z  2026-05-02T11:00Z\n' +
      '2 rows; times are to the minute\n',
  );
});

test('a list has the columns for which a terminal has room, and names what is left to --json', async () => {
  const names = ['id', 'about', 'size', 'when'] as const;
  const brief = [
    ['id', 'about', 'size'],
    ['id', 'about'],
  ] as const;
  const row = (id: string): Record<(typeof names)[number], Cell> => ({
    id,
    about: `${id}: what it is about, at length`,
    size: Number(id),
    when: `2026-05-0${id}`,
  });
  const listed = async (width: number | undefined): Promise<string[]> => {
    let out = '';
    const stdout = new Writable({ write: (part: Buffer, _, done) => done(void (out += part.toString())) });
    const context = { stdout, terminal: true, width } as Context;
    await printList({ args: [], options: {} }, context, { names, numeric: ['size'], brief }, [
      row('1'),
      row('2'),
    ]);
    return out.split('\n').map(line => line.trimEnd());
  };
  assert.match((await listed(undefined))[0]!, /^id +about +size +when$/);
  assert.match((await listed(60))[0]!, /^id +about +size +when$/);
  assert.deepEqual(await listed(20), [
    'id  about',
    '1   1: what it is a…',
    '2   2: what it is a…',
    '2 rows; 2 columns',
    'are in --json alone;',
    'long texts are cut;',
    '--json has them',
    '',
  ]);
});

test('where no table fits, each row is a block of lines with all it has', async () => {
  const out = await table(SEARCHED, [found(1, 'ana'), found(2, 'bo')], 30);
  assert.equal(
    out.split('\n\n')[0],
    'seq           290001\nts            2026-07-26T02:05:01.123456Z\nuser_id       ana\nclient_ip     2001:db8:102:10c2::1\ninput_tokens  1001',
  );
});

test('times of whole seconds are shown so if the whole column has no others', async () => {
  assert.match(
    await table([text('t')], [['2026-05-01T00:00:00.000000Z'], [null]]),
    /^2026-05-01T00:00:00Z$/m,
  );
  assert.match(
    await table([text('t')], [['2026-05-01T00:00:00.000000Z'], ['2026-05-01T00:00:00.500000Z']]),
    /^2026-05-01T00:00:00\.000000Z$/m,
  );
});

test('any rows fit any terminal of 60 columns and more, or are blocks', async () => {
  const cell = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constant(null),
    fc.constant('2026-05-01T00:00:00.123456Z'),
  );
  const rows = fc.array(fc.array(cell, { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: 5 });
  const columns = [text('one'), text('a_long_name'), text('three'), text('4'), text('_')];
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 60, max: 200 }), async (some, width) => {
      const lines = (await table(columns, some, width))
        .split('\n')
        .filter(line => !/^(?:in all of them|\d+ rows?)/.test(line));
      const isBlocks =
        lines.some(line => line === '') || lines.every(line => /^(?:one|a_long_name|three|4|_) /.test(line));
      if (!isBlocks)
        for (const line of lines) assert.ok(stringWidth(line) <= width, JSON.stringify([width, line]));
      assert.ok(lines.length > 0);
    }),
    { numRuns: 300 },
  );
});

test('a column called bar is drawn against its largest value, lists of numbers are sparklines', async () => {
  assert.equal(
    await table(
      [text('who'), number('bar'), number('tokens_bar'), text('by_hour')],
      [
        ['a', 100, 0, [0, 1, 7, null]],
        ['b', 50, 3, [7]],
        ['c', 0.01, null, null],
        ['d', -5, 6, [-1, 0, 1]],
      ],
    ),
    'who  bar               tokens_bar        by_hour\na    ████████████████                    ▁▂█\n' +
      'b    ████████          ████████          █\nc    ▏\nd                      ████████████████  ▁▅█\n4 rows\n',
  );
  assert.match(await table([text('list')], [[[7]], [[8]]]), /^\[7\]\n\[8\]$/m, 'one number is no line');
  assert.match(await table([text('list')], [[['a', 1]]]), /^\["a",1\]$/m);
  assert.equal(
    await rendered('ndjson', [number('bar'), text('l')], [[3, [1, 2]]]),
    '{"bar":3,"l":[1,2]}\n',
    'machines get the numbers',
  );
});

const HOSTILE = [
  '<script>alert(1)</script>',
  'a | b',
  '`code` **bold** [x](javascript:alert(1)) ![i](https://example.com/x.png)',
  '\u001b[2J\u001b]0;title\u0007',
  'user\u202etxt.exe',
  'two\nlines\r\n# head',
  '&lt;b&gt; "quoted" \'single\'',
  '=HYPERLINK("https://example.com")',
];

test('no value is a command of a terminal, of Markdown or of HTML', async () => {
  const rows = HOSTILE.map(value => [value, { [value]: value }]);
  for (const format of ['table', 'markdown', 'html'] as const) {
    const out = await rendered(format, [text(HOSTILE[0]!), text('json')], rows);
    assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, format);
  }
  const markdown = await rendered(
    'markdown',
    [text('v<b>')],
    HOSTILE.map(v => [v]),
  );
  assert.equal(markdown.split('\n').length, HOSTILE.length + 3, 'a row is a line');
  for (const line of markdown.trimEnd().split('\n')) {
    assert.equal(line.replaceAll(/\\./g, '').split('|').length, 3, `one cell: ${line}`);
    assert.doesNotMatch(line, /<|(?<![\\&])[`*[\]!#]|https?:/, line);
  }
  const html = await rendered(
    'html',
    [text('v<b>')],
    HOSTILE.map(v => [v]),
  );
  const tags = [...html.matchAll(/<\/?([a-z0-9!]+)/gi)].map(m => m[1]);
  assert.deepEqual(
    [...new Set(tags)],
    ['!doctype', 'html', 'meta', 'title', 'style', 'h1', 'table', 'thead', 'tr', 'th', 'tbody', 'td', 'p'],
  );
  assert.match(html, /default-src 'none'/);
  assert.match(html, /<title>a &lt;title&gt;<\/title>/);
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  assert.doesNotMatch(html, /\s(?:src|href|on\w+)=/);
});

test('csv and ndjson keep every value as it is, formulas too: they are data, quoted where CSV needs it', async () => {
  assert.equal(
    await rendered(
      'csv',
      [text('v'), number('n')],
      [
        ['=1+1', 1],
        ['a,"b"\n', 2],
        ['', 3],
        [null, null],
        ['@x', -4],
      ],
    ),
    'v,n\n=1+1,1\n"a,""b""\n",2\n"",3\n,\n@x,-4\n',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), async values => {
      const out = await rendered(
        'ndjson',
        [text('v')],
        values.map(v => [v]),
      );
      assert.deepEqual(
        out
          .split('\n')
          .slice(0, -1)
          .map(line => (JSON.parse(line) as { v: string }).v),
        values,
      );
    }),
  );
});
