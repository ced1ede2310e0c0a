import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSigner, formatVkey, makeSigner, parseSigner, parseVkey } from '../../src/note/key.ts';
import { formatNote, noteSignedBy, parseNote, signNote } from '../../src/note/note.ts';

// The example of golang.org/x/mod/sumdb/note.
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const TEXT =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

test("a note of Go's sumdb is parsed, verified, and signed to the same bytes", () => {
  const note = parseNote(NOTE);
  assert.equal(note.text, TEXT);
  assert.ok(noteSignedBy(note, parseVkey(VKEY)));
  assert.equal(formatNote(signNote(TEXT, parseSigner(SKEY))), NOTE);
  assert.equal(formatVkey(parseSigner(SKEY)), VKEY);
  assert.equal(formatSigner(parseSigner(SKEY)), SKEY);
});

test('what was signed by one key is not signed by another of the same name', () => {
  const other = makeSigner('PeterNeumann', Buffer.alloc(32, 7));
  assert.equal(noteSignedBy(parseNote(NOTE), other), false);
});

test('a second, bad signature under the same name and id spoils the note', () => {
  const good = parseNote(NOTE);
  const bad = { ...good.signatures[0]!, signature: Buffer.alloc(64) };
  assert.equal(noteSignedBy({ ...good, signatures: [...good.signatures, bad] }, parseVkey(VKEY)), false);
});

for (const [what, bytes] of [
  ['no signature', `${TEXT}\n`],
  ['no empty line', TEXT],
  ['a missing last line feed', NOTE.slice(0, -1)],
  ['a carriage return', NOTE.replace('\n', '\r\n')],
  ['an ASCII dash', NOTE.replace('—', '-')],
  ['base64 with loose bits', NOTE.replace('nAM=', 'nAN=')],
  ['text behind the signature', `${NOTE}x\n`],
] as const) {
  test(`a note with ${what} is refused`, () => {
    assert.throws(() => parseNote(bytes), { code: 'NOTE_MALFORMED' });
  });
}

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => parseNote(Buffer.concat([Buffer.of(0xff), Buffer.from(NOTE)])), {
    code: 'NOTE_MALFORMED',
  });
});

for (const vkey of [
  VKEY.replace('c74f', 'c74e'),
  VKEY.replace('+AR', '+AQ'),
  `${VKEY} `,
  VKEY.toUpperCase(),
  'x',
]) {
  test(`the verifier key ${JSON.stringify(vkey.slice(0, 40))}... is refused`, () => {
    assert.throws(() => parseVkey(vkey), { code: 'VKEY_MALFORMED' });
  });
}

test('parse undoes format for any text and signers', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map(s => s.replaceAll(/[\u0000-\u001f]/g, ''));
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      (lines, count) => {
        const signers = Array.from({ length: count }, (_, i) =>
          makeSigner(`example.com/${i}`, Buffer.alloc(32, i + 1)),
        );
        const note = signNote(`${lines.join('\n')}\n`, ...signers);
        const back = parseNote(formatNote(note));
        assert.equal(back.text, note.text);
        assert.ok(signers.every(s => noteSignedBy(back, s)));
      },
    ),
    { numRuns: 25 },
  );
});
