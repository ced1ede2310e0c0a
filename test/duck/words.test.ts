import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withEngine } from '../../src/duck/engine.ts';
import { guard } from '../../src/duck/guard.ts';

test('words that look like columns and are none: who runs the engine is refused, what time it is can get no receipt', async () => {
  await withEngine({}, async db => {
    const unrepeatable = async (sql: string): Promise<readonly string[]> =>
      (await guard(db, sql)).unrepeatable;
    for (const word of [
      'user',
      'USER',
      'current_user',
      'session_user',
      'current_role',
      'current_schema',
      'current_catalog',
    ])
      for (const sql of [`select ${word}`, `select 1 from records where user_id = ${word}`])
        await assert.rejects(guard(db, sql), { code: 'SQL_ERROR', message: /there is no column/ }, sql);
    for (const word of ['current_date', 'current_time', 'CURRENT_TIMESTAMP', 'localtime', 'localtimestamp'])
      assert.deepEqual(await unrepeatable(`select 1 from records where ts::varchar < ${word}::varchar`), [
        word.toLowerCase(),
      ]);
    for (const sql of [
      'select user_id as user from records order by user',
      'select user from (select 1 as user)',
      'with a(user) as (select 1) select user from a',
      'select r.user from (select 1 as user) r',
      'select localtime from (select 1 as localtime)',
    ])
      assert.deepEqual(await unrepeatable(sql), [], sql);
  });
});

test('lists, rows and structs may be written as SQL writes them; a schema opens no other function', async () => {
  await withEngine({}, async db => {
    await guard(db, "select [1, 2], (1, 2), {'a': 1}, arg_min(seq, (ts, event_id)) from records");
    for (const sql of [
      "select main.getenv('HOME')",
      'select pg_catalog.format_type(1, 2)',
      'select system.main.list_value(1)',
    ])
      await assert.rejects(guard(db, sql), { code: 'SQL_REFUSED' }, sql);
  });
});
