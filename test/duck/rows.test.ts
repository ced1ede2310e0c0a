import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellOf } from '../../src/duck/cell.ts';
import { withEngine } from '../../src/duck/engine.ts';
import { spelledRows } from '../../src/duck/spelled.ts';

/** Values of each type that the engine is let spell: what is odd about it. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  VARCHAR: [
    "'plain'",
    "''",
    `'"quoted" \\ back/slash'`,
    "'\ufeffmark'",
    "'ünï 🎈 \u2028 \u007f'",
    ...Array.from({ length: 32 }, (_, code) => `'a' || chr(${code}) || 'b'`),
  ],
  BOOLEAN: ['true', 'false'],
  TINYINT: ['-128', '127'],
  UTINYINT: ['255'],
  SMALLINT: ['-32768'],
  USMALLINT: ['65535'],
  INTEGER: ['-2147483648', '0'],
  UINTEGER: ['4294967295'],
  BIGINT: ['9007199254740991', '9007199254740992', '-9007199254740991', '-9007199254740992', '-1'],
  UBIGINT: ['18446744073709551615', '1'],
  HUGEINT: ['170141183460469231731687303715884105727', '-9007199254740993', '12'],
  DOUBLE: [
    '0',
    '-0.0',
    '1',
    '0.1',
    '1e20',
    '1e21',
    '1e-7',
    '5e-324',
    '1.7976931348623157e308',
    "'nan'",
    "'inf'",
    "'-inf'",
    '1/3',
  ],
  TIMESTAMP: [
    "'2026-05-01 00:00:07.603'",
    "'0001-01-01'",
    "'0999-12-31 23:59:59.000001'",
    "'1969-12-31 23:59:59.999999'",
    "'9999-12-31 23:59:59.999999'",
    "'10000-01-01'",
    "'0044-03-15 (BC)'",
    "'infinity'",
    "'-infinity'",
  ],
  'TIMESTAMP WITH TIME ZONE': [
    "'2026-05-01 00:00:07.603+02'",
    "'0001-01-01 00:00:00+00'",
    "'10000-01-01 00:00:00+00'",
    "'infinity'",
    "'-infinity'",
  ],
};

test('what the engine spells of a value is what is said of it otherwise', () =>
  withEngine({}, async db => {
    for (const [type, values] of Object.entries(VALUES)) {
      const sql = ['NULL', ...values].map(v => `SELECT (${v})::${type}`).join(' UNION ALL ');
      const [cells, spelled] = [
        (await db.runAndReadAll(sql)).getRows().map(row => row.map(cellOf)),
        (await db.runAndReadAll(spelledRows(sql, [type], ['mark', null])!)).getRows(),
      ];
      assert.deepEqual(
        spelled.map(([text]) => JSON.stringify(JSON.parse(String(text)))),
        cells.map(row => JSON.stringify([...row, 'mark', null])),
        type,
      );
    }
  }));

test('types that have members, bytes or decimals are not spelled', () => {
  for (const type of [
    'INTEGER[]',
    'STRUCT(a INTEGER)',
    'BLOB',
    'DECIMAL(18,3)',
    'FLOAT',
    'DATE',
    'INTERVAL',
    'UHUGEINT',
  ])
    assert.equal(spelledRows('SELECT 1', ['VARCHAR', type], []), undefined, type);
});
