import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spellingsOf } from '../../src/record/spellings.ts';

const all = (text: string): string =>
  Array.from(
    { length: text.length },
    (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');

test('a value is found however JSON or a URL escapes it, four deep', () => {
  const value = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 4 }), fc.boolean(), (name, deep, isUrl) => {
      let line = isUrl ? `/x?u=${encodeURIComponent(name)}` : `{"user":"${all(name)}"`;
      for (let n = 1; n < deep; n++) line = `{"log":${JSON.stringify(line)}`;
      assert.ok(
        spellingsOf(line).some(spelled => spelled.includes(name)),
        line,
      );
    }),
  );
});

test('what is not escaped has one spelling, and a long line of backslashes has few', () => {
  assert.deepEqual(spellingsOf('{"user":"ana"'), ['{"user":"ana"']);
  assert.ok(spellingsOf('\\'.repeat(65_536)).length <= 6);
});
