import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { test } from 'node:test';
import { rejectSealer } from '../../src/ingest/reject.ts';
import { scannerOf } from '../../src/normalize/secrets.ts';
import { deriveKey } from '../../src/keys/derive.ts';

const scanner = scannerOf([]);
const KEY = Buffer.alloc(32, 3);
const reject = { reason: 'not_json', source: 'gw', line: 7, offset: 123, length: 200_000 } as const;

/** As SPEC 7 says it, with nothing but node:crypto. */
function opened(line: string, key: Uint8Array): Buffer {
  const { sealed, ...clear } = JSON.parse(line) as typeof reject & { sealed: string };
  const bytes = Buffer.from(sealed, 'base64');
  const cipher = createDecipheriv(
    'aes-256-gcm',
    deriveKey(key, 'slmaudit/quarantine/v1'),
    bytes.subarray(0, 12),
  );
  cipher.setAAD(Buffer.from(JSON.stringify(clear))).setAuthTag(bytes.subarray(-16));
  return Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
}

test('a rejected line is opened with the record key alone; at most 64 KiB of it are kept', () => {
  const raw = Buffer.alloc(200_000, 'content ');
  const line = rejectSealer(KEY, scanner)(reject, raw).text;
  assert.ok(!line.includes('content'));
  assert.deepEqual(opened(line, KEY), raw.subarray(0, 65_536));
  assert.throws(() => opened(line, Buffer.alloc(32, 4)));
});

test('neither its content nor what is said about it in the clear can be changed', () => {
  const line = rejectSealer(KEY, scanner)(reject, Buffer.from('x')).text;
  assert.throws(() => opened(line.replace('"line":7', '"line":8'), KEY));
  assert.throws(() => opened(line.replace('not_json', 'no_time_'), KEY));
});

test('the same line is never sealed to the same bytes', () => {
  const seal = rejectSealer(KEY, scanner);
  assert.notEqual(seal(reject, Buffer.from('x')).text, seal(reject, Buffer.from('x')).text);
});

test('a secret across the end of what is kept is taken out whole, and said in the clear', () => {
  const secret = `sk-${'Zq7vK2mX'.repeat(8)}`;
  const raw = Buffer.from(`${'x'.repeat(65_520)} ${secret} ${'y'.repeat(100)}`);
  const { text, removed } = rejectSealer(KEY, scanner)(reject, raw);
  assert.deepEqual(removed, { sk_key: 1 });
  assert.deepEqual((JSON.parse(text) as { removed: unknown }).removed, { sk_key: 1 });
  const kept = opened(text, KEY).toString('latin1');
  assert.equal(kept, `${'x'.repeat(65_520)} [removed:sk_key]`.slice(0, 65_536));
});
