import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withEngine } from '../../src/duck/engine.ts';
import { eachBlob } from '../../src/duck/vectors.ts';

async function blobs(sql: string): Promise<string[]> {
  return withEngine({ threads: 1 }, async db => {
    const found: string[] = [];
    const result = await db.stream(sql);
    for (
      let chunk = await result.fetchChunk();
      chunk && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    )
      eachBlob(chunk, 0, (row, bytes, from, to) => {
        assert.equal(row, found.length % 2048);
        found.push(bytes.toString('latin1', from, to));
        bytes.fill(0, from, to);
      });
    return found;
  });
}

test('each row of a column of blobs is visited with its own bytes, however long, wherever they lie', async () => {
  const wanted = Array.from({ length: 5000 }, (_, i) =>
    `${i}`.repeat(((i * 7919) % 61) + (i % 500 === 0 ? 9000 : 0)),
  );
  const sql = `repeat(i::VARCHAR, (i * 7919 % 61 + if(i % 500 = 0, 9000, 0))::INTEGER)`;
  assert.deepEqual(await blobs(`SELECT encode(${sql}) FROM range(5000) t(i)`), wanted);
  assert.deepEqual(
    await blobs(`SELECT 'one for all of them'::BLOB FROM range(3)`),
    Array.from({ length: 3 }, () => 'one for all of them'),
  );
  // A dictionary's entries, forwards and backwards.
  assert.deepEqual(
    await blobs(
      `SELECT encode(['the first of two', 'the second of two'][(i % 2 + 1)::INTEGER]) FROM range(4) t(i)`,
    ),
    ['the first of two', 'the second of two', 'the first of two', 'the second of two'],
  );
});

test('what has no bytes is an error', async () => {
  await assert.rejects(blobs('SELECT if(i = 70, NULL, encode(i::VARCHAR)) FROM range(100) t(i)'), /no bytes/);
});
