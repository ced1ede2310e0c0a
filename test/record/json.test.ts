import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatCanonicalJson,
  formatJson,
  JsonError,
  JsonNumber,
  type JsonValue,
  parseJson,
} from '../../src/record/json.ts';

function reasonOf(text: string): string | undefined {
  try {
    parseJson(text);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof JsonError);
    return error.reason;
  }
}

const plain = (value: JsonValue): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof JsonNumber ? Number(value.text) : value;
};

test('whatever JSON.parse accepts is accepted and means the same', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom('', ' ', '\n\t'), (text, space) => {
      assert.deepEqual(plain(parseJson(space + text + space)), JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('whatever JSON.parse refuses is refused', () => {
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', '}', ',', '\\', '\u0001', '1', '.', 'e'))
    .map(([text, n, c]) => {
      const at = n % (text.length + 1);
      return text.slice(0, at) + c + text.slice(at + 1);
    });
  fc.assert(
    fc.property(broken, text => {
      let standard = true;
      try {
        JSON.parse(text);
      } catch {
        standard = false;
      }
      const reason = reasonOf(text);
      // Duplicates and depth are refused by name, before what may be broken behind them.
      if (reason === undefined || reason === 'not_json') assert.equal(reason === undefined, standard, text);
    }),
    { numRuns: 1000 },
  );
});

test('numbers keep the digits of their source', () => {
  for (const text of ['1.0', '9007199254740993', '-0', '1e400', '0.1000', '123456789012345678901234567890']) {
    assert.equal(formatJson(parseJson(text)), text);
  }
  assert.equal(parseJson('123456789012345'), 123_456_789_012_345);
});

test('duplicate members, deep nesting and a lone surrogate', () => {
  assert.equal(reasonOf('{"a":1,"b":{"c":1,"c":2}}'), 'duplicate_member');
  assert.equal(reasonOf('{"a":1,"\\u0061":2}'), 'duplicate_member');
  assert.equal(reasonOf('['.repeat(64) + ']'.repeat(64)), undefined);
  assert.equal(reasonOf('['.repeat(65) + ']'.repeat(65)), 'too_deep');
  assert.equal(parseJson('"a\\ud800b"'), 'a\ufffdb');
  assert.deepEqual([...(parseJson('{"__proto__":1}') as Map<string, JsonValue>).keys()], ['__proto__']);
});

test('RFC 8785: members sorted by UTF-16 code units, numbers as ECMAScript writes them', () => {
  assert.equal(
    formatCanonicalJson(parseJson('{"\u20ac":1,"\\r":2,"1":3,"\u{1f600}":4,"\ufb33":5,"a":[1.0,1e2,0.10]}')),
    '{"\\r":2,"1":3,"a":[1,100,0.1],"\u20ac":1,"\u{1f600}":4,"\ufb33":5}',
  );
});
