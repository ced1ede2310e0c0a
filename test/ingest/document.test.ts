import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DocumentFramer, isDocument } from '../../src/ingest/document.ts';

interface Cut {
  readonly values: string[];
  readonly odd: string[];
  /** Every byte, in order, up to where the last piece ends. */
  readonly covered: string;
}

/** What a framer makes of a text that comes in pieces of these sizes, each in the memory of the one before. */
function cut(text: string, sizes: readonly number[], maxLine = 1000): Cut {
  const framer = new DocumentFramer(maxLine);
  const bytes = Buffer.from(text, 'utf8');
  const memory = Buffer.alloc(Math.max(1, ...sizes));
  const out: Cut & { covered: string } = { values: [], odd: [], covered: '' };
  const take = (
    piece:
      | ReturnType<DocumentFramer['end']>
      | { kind: 'lines'; bytes: Buffer; start: number; values?: readonly (readonly [number, number])[] },
  ): void => {
    if (!piece) return;
    assert.equal(piece.start, Buffer.byteLength(out.covered), 'pieces lie end to end');
    if (piece.kind === 'lines') {
      for (const [from, to] of piece.values ?? []) out.values.push(piece.bytes.toString('utf8', from, to));
      out.covered += piece.bytes.toString('utf8');
    } else {
      out.odd.push(piece.kind);
      out.covered += bytes.toString('utf8', piece.start, piece.end);
    }
  };
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1);
    const chunk = memory.subarray(0, bytes.copy(memory, 0, at, at + size));
    for (const piece of framer.push(chunk)) take(piece);
    at += size;
  }
  take(framer.end());
  return out;
}

const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
const objects = fc.array(
  fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

test('a list of any objects, indented or not, however it comes, is cut into exactly them', () => {
  fc.assert(
    fc.property(objects, sizes, fc.constantFrom(0, 2, '\t'), (all, pieces, indent) => {
      const { values, odd } = cut(JSON.stringify(all, null, indent), pieces, 100_000);
      assert.deepEqual(
        values.map(v => JSON.parse(v) as unknown),
        JSON.parse(JSON.stringify(all)),
      );
      assert.deepEqual(odd, []);
    }),
  );
});

test('objects over several lines, one after the other', () => {
  fc.assert(
    fc.property(objects, sizes, (all, pieces) => {
      const text = all.map(o => JSON.stringify(o, null, 2)).join('\n');
      const { values } = cut(`${text}\n`, pieces, 100_000);
      assert.deepEqual(
        values.map(v => JSON.stringify(JSON.parse(v))),
        all.map(o => JSON.stringify(o)),
      );
    }),
  );
});

test('whatever comes, every byte is in one piece, and how it comes changes nothing', () => {
  const hostile = fc.string({
    unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', '\n', ' ', 'a', ':'),
    maxLength: 120,
  });
  fc.assert(
    fc.property(hostile, sizes, (text, pieces) => {
      const one = cut(text, [text.length]);
      const many = cut(text, pieces);
      assert.deepEqual([many.values, many.odd], [one.values, one.odd]);
      assert.ok(text.startsWith(one.covered));
      assert.match(text.slice(one.covered.length), /^[\s,[\]]*$/, 'only separators are left');
    }),
    { numRuns: 500 },
  );
});

test('a broken value ends where the next one begins', () => {
  const good = '  {\n    "a": 1\n  }';
  for (const broken of ['  {\n    "a": {\n', '  {\n    "a": "x\n  }', '  {\n    "a": ]]]\n', '  nonsense']) {
    const { values } = cut(`[\n${good},\n${broken},\n${good},\n${good}\n]\n`, [7]);
    assert.deepEqual(
      values.filter(v => v.replaceAll(/\s/g, '') === '{"a":1}').length,
      3,
      `${broken}: ${JSON.stringify(values)}`,
    );
  }
});

test('a value that is too long is one piece, and the next is read', () => {
  const long = `{"a":"${'x'.repeat(200_000)}"}`;
  const { values, odd } = cut(`[{"b":1},${long},{"c":1}]`, [1000]);
  assert.deepEqual([values, odd], [['{"b":1}', '{"c":1}'], ['too_long']]);
});

for (const [what, head, ended, is] of [
  ['lines', '{"a":1}\n{"a":2}\n', true, false],
  ['a broken first line', '{"a":1\n{"a":2}\n', true, false],
  ['lists, a line each', '[{"a":1}]\n[{"a":2}]\n', true, false],
  ['a list in one line', '[{"a":1},{"a":2}]', true, false],
  ['a list in one line of which one is broken', '[{"a":1},{"a":}]\n', true, true],
  ['a list over lines', '[\n{"a":1},\n{"a":2}\n]', true, true],
  ['an indented list', ' [\r\n  {\r\n', false, true],
  ['a long list in one line', `[{"a":1},${'x'.repeat(100)}`, false, true],
  ['an object over lines', '{\n  "a": 1\n}\n', true, true],
  ['text in brackets', '[GIN] 2026/05/01 - 00:00:07 | 200 |\n', true, false],
  ['numbers', '[1,2]\n', true, false],
  ['nothing', '', true, false],
  ['a byte order mark', '\ufeff{\n"a":1}\n', true, true],
] as const) {
  test(`${what}: ${is ? 'a document' : 'lines'}`, () => {
    assert.equal(isDocument(Buffer.from(head), ended), is);
  });
}
