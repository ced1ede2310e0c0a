import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { selectLines } from '../../src/duck/lines.ts';
import { readPayload, writePayload } from '../../src/duck/payload.ts';
import { rootOf } from '../../src/merkle/tree.ts';
import { canonicalLine, leafHash } from '../../src/record/canonical.ts';
import { type AuditRecord, type Column, COLUMNS } from '../../src/record/schema.ts';
import { recordFrame } from '../../src/store/frame.ts';

/** Strings that escape differently from one writer of JSON to the next. */
const AWKWARD = [
  ...Array.from({ length: 0x21 }, (_, code) => `a${String.fromCharCode(code)}b`),
  '\u007f',
  '\u0080',
  '"',
  '\\',
  '\\u000b',
  '\\\\u000b\u000b',
  '/',
  "'",
  'é',
  'e\u0301',
  '\u2028\u2029',
  '\ufeffx',
  '\ufffd',
  '😀',
  '\u{10ffff}',
  ' ',
  'NULL',
];

const text = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).map(s => s.toWellFormed()),
);
const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(b => Buffer.from(b).toString('hex'));
const LIMIT = { int16: 32_767, int32: 2_147_483_647, int64: Number.MAX_SAFE_INTEGER } as const;

function valueOf({ type, min }: Column): fc.Arbitrary<string | number | boolean> {
  switch (type) {
    case 'int16':
    case 'int32':
    case 'int64':
      return fc.integer({ min: min ?? -LIMIT[type], max: LIMIT[type] });
    case 'bool':
      return fc.boolean();
    case 'ts':
      return fc.bigInt({ min: 0n, max: 7_258_118_399_999_999n }).map(us => {
        const ms = new Date(Number(us / 1000n)).toISOString().slice(0, 23);
        return `${ms}${String(us % 1000n).padStart(3, '0')}Z`;
      });
    case 'uuid':
      return hex(16).map(h => h.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
    case 'hash':
      return hex(32);
    default:
      return text;
  }
}

const record = fc
  .record(
    Object.fromEntries(
      COLUMNS.map(c => [c.name, c.always ? valueOf(c) : fc.option(valueOf(c), { nil: undefined })]),
    ),
  )
  .map(r => ({ ...r, v: 1 }) as unknown as AuditRecord);

async function throughParquet<T>(
  records: readonly AuditRecord[],
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-agree-'));
  try {
    const frames = records.map((r, i) => recordFrame(0, i, canonicalLine(r)));
    writeFileSync(join(folder, 'open'), frames.join(''));
    await writePayload(join(folder, 'open'), records.length, join(folder, 'payload'));
    return await work(join(folder, 'payload'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('TypeScript and SQL agree on every canonical line, through Parquet', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), async records => {
      await throughParquet(records, async path => {
        const lines = records.map(canonicalLine);
        // As bytes: the binding loses a leading U+FEFF of text.
        const sql = await withEngine({}, async db => {
          const rows = await db.runAndReadAll(
            `SELECT encode(line) FROM (${selectLines('v', `read_parquet(${quote(path)})`)})`,
          );
          return rows
            .getRows()
            .map(([line]) => Buffer.from((line as { bytes: Uint8Array }).bytes).toString('utf8'));
        });
        assert.deepEqual(sql, lines);
        const content = await readPayload(path, [lines.length]);
        assert.deepEqual(content.problems, []);
        assert.ok(content.parts[0]!.root.equals(rootOf(lines.map(leafHash))));
      });
    }),
    { numRuns: 25 },
  );
});

test('each awkward string in each text column, alone', async () => {
  const whole = fc.sample(record, { numRuns: 1, seed: 1 })[0]!;
  const records = AWKWARD.flatMap(value =>
    COLUMNS.filter(c => c.type === 'text').map(c => ({ ...whole, [c.name]: value })),
  );
  await throughParquet(records, async path => {
    const { rows, parts } = await readPayload(path, [records.length]);
    assert.equal(rows, records.length);
    assert.ok(parts[0]!.root.equals(rootOf(records.map(r => leafHash(canonicalLine(r))))));
  });
});

test('a canonical line is what JSON.parse and RFC 8785 make of the record: sorted members, nothing absent', () => {
  fc.assert(
    fc.property(record, r => {
      const line = canonicalLine(r);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      const present = Object.entries(r).filter(([, v]) => v !== undefined);
      assert.deepEqual(parsed, Object.fromEntries(present));
      assert.deepEqual(Object.keys(parsed), Object.keys(parsed).sort());
      assert.equal(line, JSON.stringify(parsed));
    }),
  );
});

test('a payload with other columns, a foreign version or a missing value is named by the row checks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-rows-'));
  try {
    const [good] = fc.sample(record, { numRuns: 1, seed: 2 });
    await throughParquet([good!, good!], async path => {
      const altered = async (select: string): Promise<readonly string[]> => {
        const to = join(folder, 'altered');
        await withEngine({}, db =>
          db.run(
            `COPY (SELECT ${select} FROM read_parquet(${quote(path)})) TO ${quote(to)} (FORMAT parquet)`,
          ),
        );
        return (await readPayload(to, [2])).problems;
      };
      assert.match((await altered('*, 1 AS more')).join(), /columns/);
      assert.match((await altered('* REPLACE (encode(status) AS status)')).join(), /columns/);
      assert.match((await altered('* EXCLUDE (extra)')).join(), /columns/);
      assert.match((await altered('* REPLACE (2::SMALLINT AS v)')).join(), /schema version/);
      assert.match((await altered('* REPLACE (NULL::VARCHAR AS status)')).join(), /lack a column/);
      assert.match((await altered("* REPLACE ('ab'::BLOB AS redacted_leaf)")).join(), /redacted/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
