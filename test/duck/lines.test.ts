import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withEngine } from '../../src/duck/engine.ts';
import { uuidText } from '../../src/duck/lines.ts';

test('an event id is its bytes as UUID text, and of another length its bytes all the same', () =>
  withEngine({}, async db => {
    const found = await db.runAndReadAll(`
      SELECT lower(hex(id)), ${uuidText('id')} FROM (
        SELECT unhex(left(sha256(i::VARCHAR), 2 * (CASE WHEN i % 7 = 0 THEN i % 32 ELSE 16 END)::INT)) AS id FROM range(2000) r(i)
        UNION ALL SELECT unhex(repeat('00', 16)) UNION ALL SELECT unhex(repeat('ff', 16)) UNION ALL SELECT NULL)`);
    const wrong = found
      .getRows()
      .map(([hex, text]) => [hex as string | null, text as string | null] as const)
      .filter(([hex, text]) => text !== (hex === null ? null : grouped(hex)));
    assert.deepEqual(wrong, []);
    assert.equal(found.currentRowCount, 2003);
  }));

const grouped = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
