import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import type { Cell } from '../../src/duck/job.ts';
import { query } from '../../src/query/query.ts';
import { openStore } from '../../src/store/store.ts';
import { nativeLine, withStore } from '../sandbox.ts';

/** How long queries and the ingest run beside each other. */
const FOR_MS = 4000;
const MOST = 120;

test('queries in a loop beside an ingest that seals every five records: each record once, none missing that was there, no false alarm', () =>
  withStore(async box => {
    const { child, done } = box.start(['ingest', '--seal-records', '5']);
    let [written, rounds, seen] = [0, 0, 0];
    const writing = setInterval(() => {
      for (let i = 0; i < 4 && written < MOST; i++) child.stdin.write(nativeLine(written++));
    }, 40);
    const store = openStore(box.store, box.keys);
    const ask = async (sql: string): Promise<readonly number[]> => {
      let row: readonly number[] = [];
      const sink = {
        columns: () => undefined,
        rows: (rows: readonly (readonly Cell[])[]) => {
          row = rows[0]!.map(Number);
          return true;
        },
        end: () => undefined,
      };
      await query(store, { sql, parameters: {} }, { memory: 2 ** 27, known: box.path('known') }, sink);
      return row;
    };
    const until = performance.now() + FOR_MS;
    while (performance.now() < until || rounds < 3) {
      const [n, ids, sealed, last] = await ask(
        'SELECT count(*), count(DISTINCT request_id), count(seq), coalesce(max(seq) + 1, 0) FROM records',
      );
      assert.equal(n, ids, 'a record was seen twice');
      assert.equal(sealed, last, 'a sealed record was not seen');
      assert.ok(n! >= seen, `${n!} records after ${seen}`);
      seen = n!;
      const [mine, others] = await ask(
        `SELECT count(*) FILTER (WHERE seq < ${last!}), (SELECT count(*) FROM records WHERE seq < ${last!} AND user_id = 'u-3' AND ts < '2027-01-01') FROM records WHERE user_id = 'u-3'`,
      );
      assert.equal(mine, others, 'a filter hid a record');
      rounds++;
    }
    clearInterval(writing);
    child.stdin.end();
    assert.equal((await done).code, 0);
    assert.deepEqual(await ask('SELECT count(*), count(seq) FROM records'), [written, written]);
    assert.ok(seen > 0, `${rounds} rounds`);
  }));

test('a file that is joined or deleted while a query reads it is read to its end', () =>
  withStore(async box => {
    assert.equal((await box.run(['ingest'], nativeLine(0) + nativeLine(1))).code, 0);
    assert.equal((await box.run(['ingest'], nativeLine(2))).code, 0);
    const store = openStore(box.store, box.keys);
    const rows: (readonly Cell[])[] = [];
    const sink = {
      columns: () => undefined,
      rows: (some: readonly (readonly Cell[])[]) => {
        rows.push(...some);
        return true;
      },
      end: () => undefined,
    };
    const files = box.files().filter(name => name.startsWith('records/'));
    // Its digest was checked, and the engine has not opened it for the answer.
    const onPlan = (): void => files.forEach(name => rmSync(box.path('store', name)));
    const question = { sql: 'SELECT request_id FROM records ORDER BY 1', parameters: {} };
    await query(store, question, { memory: 2 ** 27, onPlan }, sink);
    assert.deepEqual(rows, [['r-0'], ['r-1'], ['r-2']]);
  }));
