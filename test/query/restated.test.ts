import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { prune } from '../../src/prune/prune.ts';
import { type Answered, query, type QueryOptions } from '../../src/query/query.ts';
import { redact } from '../../src/redact/redact.ts';
import { recordsPath } from '../../src/store/layout.ts';
import { type Clocked, withClock } from '../clocked.ts';

interface Got extends Pick<Answered, 'plan'> {
  readonly rows: readonly unknown[];
}

async function ask(log: Clocked, sql: string, options: Partial<QueryOptions> = {}): Promise<Got> {
  const rows: unknown[] = [];
  const sink = {
    columns: () => undefined,
    rows: (some: readonly (readonly unknown[])[]) => rows.push(...some) > 0,
    end: () => undefined,
  };
  const known = { known: join(log.folder, 'known') };
  const { plan } = await query(
    log.store,
    { sql, parameters: {} },
    { memory: 1 << 28, ...known, ...options },
    sink,
  );
  return { rows, plan };
}

/** Segments of two classes in turn, so that a joined file holds every other one. */
async function twoClasses(log: Clocked): Promise<void> {
  const kept = { age: 'sealed', basis: [] } as const;
  await log.policy({
    classes: [
      { name: 'default', min: 5, max: 30, ...kept },
      { name: 'doors', min: 5, max: 10, ...kept },
    ],
    rules: [{ class: 'doors', where: [{ column: 'event_type', values: ['auth'] }] }],
    redactAny: true,
    retroactive: true,
  });
  for (const records of [3, 1, 4, 2]) {
    await log.seal(records);
    await log.seal(records + 1, { event_type: 'auth' });
  }
  log.pass(1);
}

test('the place of a record is the same before and after its segment was joined with others, next to it or not', () =>
  withClock(async log => {
    await twoClasses(log);
    const sql = 'SELECT seq, request_id, event_type FROM records ORDER BY seq';
    const before = await ask(log, sql);
    assert.equal(before.rows.length, 24);
    const { joined } = await compact(log.store, log.at);
    assert.deepEqual(
      joined.map(j => [j.class, j.segments]),
      [
        ['default', 4],
        ['doors', 4],
      ],
    );
    assert.deepEqual((await ask(log, sql)).rows, before.rows);
    assert.deepEqual(
      (await ask(log, sql)).rows,
      before.rows,
      'and once it is remembered that the roots are right',
    );
    const some = await ask(log, "SELECT seq, request_id FROM records WHERE request_id = 'r-9'");
    assert.deepEqual(some.rows, [[9, 'r-9']]);
    const { plan } = await ask(log, 'SELECT count(*) FROM segments');
    assert.deepEqual(
      plan.leftOut.map(l => l.why),
      Array.from({ length: 8 }, () => 'not_asked'),
    );
  }));

test('what is redacted or deleted is no record any more, and the answer says what was deleted', () =>
  withClock(async log => {
    await twoClasses(log);
    await compact(log.store, log.at);
    log.pass(7);
    const which = { sql: "SELECT seq FROM records WHERE request_id IN ('r-0', 'r-3')", parameters: {} };
    await redact(log.store, which, { ...log.at, reason: 'test', query: { memory: 1 << 28 }, texts: [] });
    const left = await ask(log, 'SELECT seq FROM records ORDER BY seq');
    assert.deepEqual(left.rows.length, 22);
    assert.ok(!left.rows.flat().includes(0) && !left.rows.flat().includes(3));
    log.pass(4);
    await prune(log.store, { ...log.at, clockIsRight: true });
    const { rows, plan } = await ask(log, 'SELECT event_type, count(*) FROM records GROUP BY 1');
    assert.deepEqual(rows, [['inference', 9]]);
    assert.deepEqual(
      plan.leftOut.map(l => [l.segment, l.why]),
      [1, 3, 5, 7].map(n => [n, 'pruned']),
    );
    assert.deepEqual(await log.findings(), []);
  }));

test('a joined file that does not make the roots is refused, whatever its digest says; so is one that was flipped since', () =>
  withClock(async log => {
    await twoClasses(log);
    await compact(log.store, log.at);
    const { inventory } = log.history();
    const path = recordsPath(log.store.at, inventory.files.get(0)!, inventory.get(0)!.at);
    const bytes = readFileSync(path);
    bytes[300]! ^= 4;
    writeFileSync(path, bytes);
    await assert.rejects(ask(log, 'SELECT count(*) FROM records'), { code: 'PAYLOAD_ALTERED', exit: 1 });
  }));

test('an export is in the order of the log, whatever the files are', () =>
  withClock(async log => {
    await twoClasses(log);
    const exported = (): string[] => {
      const env = {
        ...process.env,
        SLMAUDIT_STORE: log.store.at.store,
        SLMAUDIT_KEYS: join(log.folder, 'keys'),
      };
      const run = spawnSync(process.execPath, ['bin/slmaudit', 'export'], {
        env: { ...env, XDG_STATE_HOME: log.folder },
      });
      assert.equal(run.status, 0, run.stderr.toString());
      return run.stdout.toString().trimEnd().split('\n');
    };
    const before = exported();
    assert.equal(before.length, 24);
    await compact(log.store, log.at);
    assert.deepEqual(exported(), before);
    log.pass(8);
    const which = { sql: 'SELECT 5 AS seq', parameters: {} };
    await redact(log.store, which, { ...log.at, reason: 'test', query: { memory: 1 << 28 }, texts: [] });
    assert.deepEqual(exported(), before.toSpliced(5, 1));
  }));
