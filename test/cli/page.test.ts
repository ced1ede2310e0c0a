import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { pageText } from '../../src/cli/render/page/format.ts';
import { PAGE_FORMATS, type PageFormat } from '../../src/cli/render/page/names.ts';
import { printable } from '../../src/cli/voice.ts';
import type { Page, Plot } from '../../src/report/page.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '&lt;b&gt; &amp; &#x3c;',
  '](javascript:alert(1)) [a](http://evil.example) ![b](http://evil.example/b.png)',
  '| --- | `code` **bold** $math$ # heading',
  '\n\n# Injected\n\n- item\n---\n```\nfence',
  '``` ```` `````',
  '</td></tr></table></main></body></html>',
  '-->]]><!--',
  '\u001b[31mred\u001b[0m\u001b]0;title\u0007\u009b2J\r\u0008',
  '\u202eevil\u2066\u200f right to left \u05d0\u05d1\u05d2',
  '\ud800 lone, \u{1f600} pair',
  'x'.repeat(5000),
  '\u4e16'.repeat(300),
  'https://evil.example/ www.evil.example mailto:a@evil.example',
  '',
];

const at = (i: number): string => new Date(Date.UTC(2026, 4, 1 + i)).toISOString();

/** A page with that text wherever a text can stand. */
function pageOf(text: string): Page {
  const points = Array.from({ length: 9 }, (_, i) => ({ at: at(i), value: i === 4 ? null : i * 100 }));
  const plot: Plot = {
    title: text,
    unit: text,
    kind: 'line',
    points,
    expected: points.map(p => ({ at: p.at, low: 10, mid: 100, high: 300 })),
    marks: [{ from: at(2), to: at(3), says: text }],
  };
  const table = {
    columns: [
      { name: text },
      { name: 'n', numeric: true },
      { name: 'bar', numeric: true },
      { name: 'by day' },
    ],
    rows: [
      [text, 1234567, 5, [1, 2, 3]],
      [{ [text]: text }, 0.5, null, [null, 1]],
    ],
  };
  const inner = { heading: text, text: [text], table: { columns: [{ name: 'none' }], rows: [] } };
  const section = {
    heading: text,
    text: [text],
    plots: [plot, { ...plot, kind: 'bars' as const }],
    table,
    more: text,
    sections: [inner],
  };
  return {
    title: text,
    subtitle: text,
    summary: [text, text],
    sections: [section],
    notes: [text],
    data: { said: text },
  };
}

const rendered = (format: PageFormat, text: string, width?: number): string =>
  pageText(format, pageOf(text), { foot: [text], width, plain: true });

/** Elements with nothing between a beginning and an end. */
const VOID = new Set(['meta', 'br']);

/** Throws where tags are not balanced, attributes not quoted, or anything could run or be loaded. */
function checkHtml(html: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  const TAG = /<(?:!doctype html|(\/)?([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9-]*="[^"<>]*")*)\s*(\/)?)>/g;
  const rest = html
    .replaceAll(/<style>[^<]*<\/style>/g, '')
    .replaceAll(TAG, (_, end, name, attributes, closed) => {
      if (name === undefined) return '';
      seen.push(String(name));
      if (end) assert.equal(open.pop(), name, `</${String(name)}>`);
      else if (!closed && !VOID.has(String(name))) open.push(String(name));
      for (const [, attribute] of String(attributes).matchAll(/\s([a-zA-Z][a-zA-Z0-9-]*)="[^"]*"/g))
        assert.doesNotMatch(attribute!, /^(?:on|src$|href$|style$|action$|srcset$|xlink)/i);
      return '';
    });
  assert.deepEqual(open, []);
  assert.doesNotMatch(rest, /[<>]/);
  return seen;
}

test('HTML: whatever a text says, tags are balanced, nothing runs, nothing is loaded', () => {
  const [first] = HOSTILE.map(text => checkHtml(rendered('html', text)));
  for (const text of HOSTILE) {
    const html = rendered('html', text);
    const seen = checkHtml(html);
    assert.ok(!seen.includes('script') && !seen.includes('img') && !seen.includes('link'));
    assert.deepEqual([...new Set(seen)].sort(), [...new Set(first)].sort());
    assert.match(
      html,
      /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/,
    );
  }
});

test('HTML: the same text is there for whoever reads it', () => {
  const html = rendered('html', 'a & b < c');
  assert.doesNotMatch(html, /(?:src|href)=|https?:|url\(|@import|\son\w+=/i);
  assert.ok(html.includes('<h1>a &amp; b &lt; c</h1>'));
  assert.ok(html.includes('<td>a &amp; b &lt; c</td>'));
  assert.ok(html.includes('1,234,567'));
});

test('Markdown: no text makes a heading, a link, an image, a cell, a fence or a tag of its own', () => {
  for (const text of HOSTILE) {
    const lines = rendered('markdown', text).split('\n');
    const fences = lines.filter(l => /^`{3,}(?:sh)?$/.test(l));
    assert.equal(fences.length, 2, text.slice(0, 40));
    assert.equal(fences[0]!.replace('sh', ''), fences[1]);
    const open = lines.indexOf(fences[0]!);
    assert.equal(lines.indexOf(fences[1]!, open + 1), open + 2);
    const outside = lines.filter((_, i) => i < open || i > open + 2);
    assert.deepEqual(
      outside.filter(l => /^#{1,6} /.test(l)).length,
      rendered('markdown', 'x')
        .split('\n')
        .filter(l => /^#{1,6} /.test(l)).length,
    );
    for (const l of outside) {
      assert.doesNotMatch(l, /(?<!\\)\]\(|(?<!\\)<|(?:https?|www|mailto)[:.]/);
      if (l.startsWith('| ')) assert.equal([...l.matchAll(/(?<!\\)\|/g)].length, 4, l.slice(0, 100));
    }
  }
});

test('terminal: nothing that a text says is obeyed, and no line of a width that is known is wider', () => {
  for (const text of HOSTILE)
    for (const width of [60, 80, 120]) {
      const page = rendered('table', text, width);
      assert.doesNotMatch(page, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      // A command that is cut could not be pasted.
      for (const line of page.split('\n').filter(l => l !== printable(text)))
        assert.ok(stringWidth(line) <= width, `${width}: ${line.slice(0, 140)}`);
    }
});

test('a table of very many rows is cut, and that is said; JSON has what the page was made from', () => {
  const rows = Array.from({ length: 1000 }, (_, i) => [`row ${i}`, i]);
  const page: Page = {
    title: 'Many',
    summary: [],
    notes: [],
    data: { rows: rows.length },
    sections: [
      { heading: 'Rows', table: { columns: [{ name: 'what' }, { name: 'n', numeric: true }], rows } },
    ],
  };
  for (const format of PAGE_FORMATS.filter(f => f !== 'json')) {
    const text = pageText(format, page, { foot: [] });
    assert.match(text, /200 of 1,000 rows/);
    assert.ok(text.includes('row 199') && !text.includes('row 200'));
  }
  assert.equal(pageText('json', page, { foot: [] }), '{"rows":1000}\n');
});

test('a plot of one point, of nothing, of zeros and of very large numbers is drawn, and its range said', () => {
  const plotOf = (values: readonly (number | null)[]): string => {
    const plot: Plot = {
      title: 'Told',
      unit: 'ms',
      kind: 'line',
      points: values.map((value, i) => ({ at: at(i), value })),
    };
    const page: Page = {
      title: 't',
      summary: [],
      notes: [],
      data: {},
      sections: [{ heading: 'h', plots: [plot] }],
    };
    checkHtml(pageText('html', page, { foot: [] }));
    return pageText('table', page, { foot: [], plain: true })
      .split('\n')
      .find(l => l.startsWith('Told'))!;
  };
  assert.equal(plotOf([]), 'Told  nothing is known');
  assert.equal(plotOf([null, null]), 'Told  nothing is known');
  assert.equal(plotOf([7]), 'Told  █   7 ms');
  assert.equal(plotOf([0, 0, 0]), 'Told  ▁▁▁  0 ms, 05-01 to 05-03');
  assert.equal(plotOf([1, null, 9e15]), 'Told  ▁ █  1 to 9000000000000000 ms, 05-01 to 05-03');
});

test('JSON: what a terminal could obey is escaped, and is what it was for whoever reads it', () => {
  for (const text of HOSTILE) {
    const json = rendered('json', text);
    assert.doesNotMatch(json.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    assert.deepEqual(JSON.parse(json), { said: text });
  }
});

test('where there is little room, minor columns go before a name is cut, and that is said', () => {
  const table = {
    columns: [
      { name: 'model' },
      { name: 'first seen', minor: true },
      { name: 'users', numeric: true, minor: true },
      { name: 'requests', numeric: true },
    ],
    rows: [['llama-3.2-3b-instruct', '2026-05-01', 1234, 99]],
  };
  const page: Page = {
    title: 't',
    summary: [],
    notes: [],
    data: {},
    sections: [{ heading: 'Models', table }],
  };
  const linesAt = (width: number): string[] => {
    const lines = pageText('table', page, { foot: [], plain: true, width }).split('\n');
    return lines.slice(lines.indexOf('Models') + 1, -1);
  };
  assert.deepEqual(linesAt(80), [
    'model                  first seen  users  requests',
    'llama-3.2-3b-instruct  2026-05-01  1,234        99',
  ]);
  assert.deepEqual(linesAt(48), [
    'model                  first seen  requests',
    'llama-3.2-3b-instruct  2026-05-01        99',
    'no room for users',
  ]);
  assert.deepEqual(linesAt(32), [
    'model                  requests',
    'llama-3.2-3b-instruct        99',
    'no room for first seen, users',
  ]);
});
