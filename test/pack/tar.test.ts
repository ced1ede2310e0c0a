import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { header, writeTarball } from '../../src/pack/tar.ts';

test('an archive of the same files is the same to the byte, whoever packs it and when', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-test-'));
  try {
    writeFileSync(join(folder, 'a'), 'x'.repeat(512));
    writeFileSync(join(folder, 'b'), 'y');
    const made = async (name: string): Promise<Buffer> => {
      await writeTarball(folder, ['a', 'b'], { path: join(folder, name), top: 'top', mtime: 1_700_000_000 });
      return readFileSync(join(folder, name));
    };
    const [one, two] = [await made('1.tar.gz'), await made('2.tar.gz')];
    assert.ok(one.equals(two));
    // No time in gzip's header.
    assert.equal(one.readUInt32LE(4), 0);
    const tar = gunzipSync(one);
    // Header and a whole block; header and a padded block; two empty blocks.
    assert.equal(tar.length, 512 * 6);
    assert.equal(tar.toString('latin1', 0, 5), 'top/a');
    assert.equal(tar.toString('latin1', 1536, 1540), 'y\0\0\0');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a size beyond eleven octal digits is binary, a long path is parted at its last folder', () => {
  assert.equal(header('a', 8 ** 11 - 1, 0).toString('latin1', 124, 136), '77777777777\0');
  const large = header('a', 2 ** 33 + 5, 0);
  assert.equal(large[124], 0x80);
  assert.equal(large.readBigUInt64BE(128), BigInt(2 ** 33 + 5));
  const long = header(`${'d'.repeat(120)}/${'f'.repeat(90)}`, 1, 0);
  assert.equal(long.toString('latin1', 345, 345 + 120), 'd'.repeat(120));
  assert.equal(long.toString('latin1', 0, 90), 'f'.repeat(90));
  assert.throws(() => header(`d/${'f'.repeat(101)}`, 1, 0), RangeError);
});
