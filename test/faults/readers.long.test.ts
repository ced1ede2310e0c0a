import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { countOf } from '../../src/log/ranges.ts';
import { prune } from '../../src/prune/prune.ts';
import { redact } from '../../src/redact/redact.ts';
import { Clocked } from '../clocked.ts';
import { nativeLines, Sandbox, withStore } from '../sandbox.ts';

const ALL = process.env['SLMAUDIT_FAULTS'] === 'all';
/** Of each of two writers, twenty a segment. */
const LINES = ALL ? 1000 : 160;
/** Rounds of reading beside prune, compact and redact, and segments deleted meanwhile; no longer than MOST_MS. */
const [ROUNDS, PRUNED, MOST_MS] = ALL ? [60, 100, 300_000] : [2, 4, 60_000];

test('verify and query in a loop beside two ingests that seal all the time: never a false finding', () =>
  withStore(async box => {
    let [rounds, seen, lines] = [0, 0, 0];
    const hadRounds = (): boolean => rounds >= 3;
    /** Goes on until readers have had their rounds. */
    const write = async (): Promise<void> => {
      do {
        const first = lines;
        lines += LINES;
        const done = await box.run(['ingest', '--seal-records', '20'], nativeLines(LINES, first));
        assert.equal(done.code, 0, done.stderr);
      } while (!hadRounds());
    };
    let writing = true;
    const written = Promise.all([write(), write()]).finally(() => (writing = false));
    const isWriting = (): boolean => writing;
    while (isWriting()) {
      const [verified, asked] = await Promise.all([
        box.run(['verify', '--records', '--format', 'json']),
        box.run([
          'query',
          'select count(*) n, count(distinct request_id) ids from records',
          '--format',
          'json',
        ]),
      ]);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
      assert.equal(asked.code, 0, asked.stderr);
      const [{ n, ids }] = JSON.parse(asked.stdout) as [{ n: number; ids: number }];
      assert.equal(n, ids, 'a record was seen twice');
      assert.ok(n >= seen, `${n} records after ${seen}`);
      seen = n;
      rounds++;
    }
    await written;
    assert.ok(rounds >= 3, `${rounds} rounds beside the writers`);
    const last = await box.run(['query', 'select count(*) n from records', '--format', 'json']);
    assert.equal(last.stdout, `[{"n":${lines}}]\n`);
  }));

test('query, verify, prove and export beside sealing, compact, redact and prune that never rest: no false alarm, no wrong count', async () => {
  const log = new Clocked('2020-01-01T12:00:00Z');
  const box = new Sandbox();
  try {
    const env = { SLMAUDIT_STORE: log.store.at.store, SLMAUDIT_KEYS: join(log.folder, 'keys') };
    const read = async (args: readonly string[]): Promise<string> => {
      const done = await box.run(args, '', env);
      assert.equal(done.code, 0, `${args[0]}: ${done.stdout}${done.stderr}`);
      return done.stdout;
    };
    // Of one file of three segments, the one in the middle is under a hold: all else of it goes.
    await log.days(5, 12, { redactAny: true });
    log.pass(8);
    for (const user_id of ['first', 'held', 'last']) await log.seal(3, { user_id });
    log.pass(1);
    await compact(log.store, log.at);
    await log.hold({ segments: [[1, 1]] });

    /** Records before and behind each step of the writer. */
    const counts = [recordsOf(log)];
    const step = async (work: () => Promise<unknown>): Promise<void> => {
      await work();
      counts.push(recordsOf(log));
    };
    const until = performance.now() + MOST_MS;
    let [rounds, pruned] = [0, 0];
    const isOver = (): boolean => (rounds >= ROUNDS && pruned >= PRUNED) || performance.now() > until;
    const write = async (): Promise<void> => {
      while (!isOver()) {
        await step(() => log.seal(2));
        await step(() => log.seal(2, { user_id: 'gone' }));
        log.pass(1);
        await step(() => compact(log.store, log.at));
        const which = { sql: "SELECT seq FROM records WHERE user_id = 'gone'", parameters: {} };
        const how = { ...log.at, reason: 'test', query: { memory: 2 ** 27 }, texts: [] };
        await step(() => redact(log.store, which, how));
        log.pass(5);
        await step(async () => {
          const done = await prune(log.store, { ...log.at, clockIsRight: false });
          pruned += done.pruned.segments.length;
        });
      }
    };

    /** Numbers that readers were told, and between which of the writer's steps that was. */
    const told: { readonly n: number; readonly from: number; readonly to: number }[] = [];
    const sql = `SELECT count(*) n, count(DISTINCT request_id) ids, count(*) FILTER (user_id = 'held') held,
      count(*) FILTER (seq IS NOT NULL AND user_id IS NULL) empty FROM records`;
    const ask = async (): Promise<void> => {
      while (!isOver()) {
        const from = counts.length - 1;
        const [row] = JSON.parse(await read(['query', sql, '--format', 'json'])) as Record<string, number>[];
        const { n, ids, held, empty } = row!;
        assert.deepEqual([ids, held, empty], [n, 3, 0]);
        told.push({ n: n!, from, to: counts.length });
        const before = counts.length - 1;
        const lines = (await read(['export']))
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line) as object);
        const all = lines as { readonly user_id: string; readonly request_id: string }[];
        assert.equal(all.filter(l => l.user_id === 'held').length, 3);
        assert.equal(new Set(all.map(l => l.request_id)).size, all.length);
        told.push({ n: all.length, from: before, to: counts.length });
        rounds++;
      }
    };
    const check = async (): Promise<void> => {
      while (!isOver()) {
        await read(['verify', '--records', '-q']);
        await read(['prove', '4', '--json']);
      }
    };
    await Promise.all([write(), ask(), check()]);
    for (const { n, from, to } of told) {
      const then = counts.slice(from, to + 1);
      assert.ok(n >= Math.min(...then) && n <= Math.max(...then), `${n} records, of ${then.join()}`);
    }
    assert.ok(rounds >= ROUNDS && pruned >= PRUNED, `${rounds} rounds, ${pruned} segments deleted`);
    assert.deepEqual(await log.findings(), []);
  } finally {
    log.remove();
    box.remove();
  }
});

/** Records that are neither deleted nor redacted. */
function recordsOf(log: Clocked): number {
  const { inventory } = log.history();
  return inventory.segments
    .filter(s => !inventory.pruned.has(s.segment))
    .reduce((sum, s) => sum + s.records - countOf(inventory.redacted.get(s.segment) ?? []), 0);
}
