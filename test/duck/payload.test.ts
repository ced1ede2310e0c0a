import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { readPayload, writePayload } from '../../src/duck/payload.ts';
import { rootOf } from '../../src/merkle/tree.ts';
import { canonicalLine, leafHash } from '../../src/record/canonical.ts';
import { recordFrame } from '../../src/store/frame.ts';

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-payload-'));
const payload = join(folder, 'payload');
after(() => rmSync(folder, { recursive: true }));

/** More than two vectors of the engine. */
const LINES = Array.from({ length: 5000 }, (_, i) =>
  canonicalLine({
    v: 1,
    event_id: `28ebdfbd-bdfe-8238-8268-${(i * 7_919_171_711).toString(16).padStart(12, '0')}`,
    event_type: 'inference',
    ts: `2026-05-01T00:00:00.${String(i).padStart(6, '0')}Z`,
    ts_quality: 'exact',
    source_id: 's',
    source_format: 'native',
    status: 'ok',
  }),
);

before(async () => {
  writeFileSync(join(folder, 'open'), LINES.map((line, i) => recordFrame(0, i, line)).join(''));
  await writePayload(join(folder, 'open'), LINES.length, payload);
});

test('a payload is a file of its own: what stands in its place is replaced, not written through', async () => {
  const [mine, out] = [join(folder, 'mine'), join(folder, 'link')];
  writeFileSync(mine, 'mine');
  symlinkSync(mine, out);
  await writePayload(join(folder, 'open'), LINES.length, out);
  assert.deepEqual(
    [readFileSync(mine, 'utf8'), lstatSync(out).isFile(), readFileSync(out).equals(readFileSync(payload))],
    ['mine', true, true],
  );
});

test('the rows of each segment make its root and span', async () => {
  const { rows, parts, problems } = await readPayload(payload, [2047, 0, 2953]);
  assert.equal(rows, LINES.length);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    parts.map(({ root }) => root),
    [LINES.slice(0, 2047), [], LINES.slice(2047)].map(lines =>
      rootOf(lines.map(line => leafHash(Buffer.from(line)))),
    ),
  );
  assert.deepEqual(
    parts.map(({ span }) => span?.from),
    ['2026-05-01T00:00:00.000000Z', undefined, '2026-05-01T00:00:00.002047Z'],
  );
});

/** The engine makes fifty vectors of rows before it hands out the first. */
const TIMES = 24;
const LAST = Math.floor((TIMES * LINES.length) / 2048);

test('rows that can not be read are an error, never rows that are missing', async () => {
  const grouped = join(folder, 'grouped');
  const damaged = join(folder, 'damaged');
  const at = await withEngine({}, async db => {
    await db.run(
      `COPY (SELECT p.* FROM read_parquet(${quote(payload)}) p, range(${TIMES})) TO ${quote(grouped)} (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    );
    const pages = await db.runAndReadAll(
      `SELECT data_page_offset FROM parquet_metadata(${quote(grouped)}) WHERE row_group_id = ${LAST} AND path_in_schema = 'event_id'`,
    );
    return Number(pages.getRows()[0]![0]);
  });
  assert.equal((await readPayload(grouped, [0])).rows, TIMES * LINES.length);
  writeFileSync(damaged, readFileSync(grouped).fill(0, at, at + 40));
  await assert.rejects(readPayload(damaged, [0]), /Invalid data/);
});

test('a time without end is none', async () => {
  const other = join(folder, 'other');
  const infinite = `SELECT * REPLACE (if(ts = max(ts) OVER (), 'infinity'::TIMESTAMPTZ, ts) AS ts) FROM read_parquet(${quote(payload)})`;
  await withEngine({}, db => db.run(`COPY (${infinite}) TO ${quote(other)} (FORMAT parquet)`));
  const { problems } = await readPayload(other, [LINES.length]);
  assert.deepEqual(problems, ['1 rows lack a column that every record has']);
});
