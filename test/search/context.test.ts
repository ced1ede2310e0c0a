import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { questionAround, type Same, SAME } from '../../src/search/context.ts';
import { Sandbox } from '../sandbox.ts';
import { answerOf, withViews } from '../views.ts';

const box = new Sandbox();
const minute = (n: number): string => new Date(Date.UTC(2026, 4, 1) + n * 60_000).toISOString();

/** Sealed out of the order of time, four of them at one instant. */
const lines: readonly Readonly<Record<string, unknown>>[] = [
  { request_id: 'last', ts: minute(9), user_id: 'bo' },
  { request_id: 'tie-1', ts: minute(5), user_id: 'ana', client_ip: '192.0.2.1', api_key_id: 'k-1' },
  { request_id: 'tie-2', ts: minute(5), user_id: 'ana', client_ip: '192.0.2.2', session_id: 's-1' },
  { request_id: 'tie-3', ts: minute(5), user_id: 'bo', client_ip: '192.0.2.1', session_id: 's-1' },
  { request_id: 'tie-4', ts: minute(5), user_id: 'ana', api_key_id: 'k-1', prompt: 'again' },
  { request_id: 'near', ts: minute(6), user_id: 'cy', session_id: 's-1', prompt: 'again' },
  { request_id: 'first', ts: minute(1), user_id: 'ana', client_ip: '192.0.2.1' },
];

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['ingest'], lines.map(l => `${JSON.stringify(l)}\n`).join(''));
});

after(() => box.remove());

async function around(...args: readonly string[]): Promise<string> {
  const run = await box.run(['context', ...args, '--columns', 'request_id', '--format', 'csv']);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.split('\n').slice(1, -1).join(' ');
}

type Case = readonly [seq: number, before: number, after: number, same: readonly Same[], found: string];

const cases: readonly Case[] = [
  [2, 9, 9, [], '-2,first -1,tie-1 0,tie-2 1,tie-3 2,tie-4 3,near 4,last'],
  [2, 1, 2, [], '-1,tie-1 0,tie-2 1,tie-3 2,tie-4'],
  [2, 0, 0, [], '0,tie-2'],
  [6, 3, 1, [], '0,first 1,tie-1'],
  [0, 1, 3, [], '-1,near 0,last'],
  [1, 5, 5, ['user'], '-1,first 0,tie-1 1,tie-2 2,tie-4'],
  [1, 5, 5, ['ip'], '-1,first 0,tie-1 1,tie-3'],
  [1, 5, 5, ['key'], '0,tie-1 1,tie-4'],
  [2, 5, 5, ['session'], '0,tie-2 1,tie-3 2,near'],
  [4, 5, 5, ['prompt'], '0,tie-4 1,near'],
  [1, 5, 5, ['user', 'ip'], '-1,first 0,tie-1'],
];

test('what is around a record is in order of time, then of place in the log, each once; --same counts what shares its values', async () => {
  await withViews(box, async db => {
    for (const [seq, before_, after_, same, found] of cases) {
      const sql = `SELECT event_id, seq::VARCHAR AS seq, ts, ${Object.values(SAME).join(', ')} FROM records WHERE seq = ${seq}`;
      const [row] = await answerOf(db, { sql, parameters: {} });
      const it = Object.fromEntries(Object.entries(row!).filter(([, cell]) => cell !== null));
      const asked = { before: before_, after: after_, same, columns: ['request_id'] };
      const rows = await answerOf(db, questionAround(it as Record<string, string>, asked));
      const shown = rows.map(r => `${String(r['away'])},${String(r['request_id'])}`);
      assert.equal(shown.join(' '), found, `${seq} ${same.join(' ')}`);
    }
  });
});

test('an event id names a record too, as it was printed or in capitals; a pipe gets all columns', async () => {
  const { stdout } = await box.run(['query', "select event_id from records where request_id = 'tie-2'"]);
  const { event_id: id } = JSON.parse(stdout) as { event_id: string };
  assert.equal(await around(id.toUpperCase(), '-B', '1', '-A', '0'), '-1,tie-1 0,tie-2');
  const piped = await box.run(['context', id, '-B', '0', '-A', '0']);
  const row = JSON.parse(piped.stdout) as Record<string, unknown>;
  assert.deepEqual([row['away'], row['event_id'], row['seq'], row['total_tokens']], [0, id, 2, null]);
});

test('what names no record, or shares nothing, is answered with what to do', async () => {
  for (const [args, code, said] of [
    [['99'], 'NO_SUCH_RECORD', /no record is called 99/],
    [['tie-1'], 'NO_SUCH_RECORD', /an event id, or a seq/],
    [["1' or true --"], 'NO_SUCH_RECORD', /no record is called/],
    [['0', '--same', 'session'], 'NOTHING_SHARED', /has no session_id/],
    [['0', '--same', 'users'], 'USAGE', /"users" is none of them/],
    [['0', '--columns', 'usr'], 'NO_SUCH_COLUMN', /did you mean user_id/],
    [['0', '-B', '-1'], 'USAGE', /--before takes a whole number/],
  ] as const) {
    const run = await box.run(['context', ...args, '--format', 'json']);
    const { error } = JSON.parse(run.stderr) as { error: { code: string; message: string; hint: string } };
    assert.deepEqual([run.code, error.code, run.stdout], [2, code, ''], args.join(' '));
    assert.match(`${error.message} ${error.hint}`, said);
  }
});

test('a record that is not sealed yet has no seq: it stands behind the sealed ones of its instant, and is named by its id', async () => {
  const { child, done, heard } = box.start(['ingest', '--acks', '--seal-every', '1h']);
  child.stdin.write(`${JSON.stringify({ request_id: 'open', ts: minute(5), user_id: 'ana' })}\n`);
  await heard('"acknowledged":1');
  const { stdout } = await box.run(['search', '--request', 'open', '--columns', 'seq,event_id']);
  const row = JSON.parse(stdout) as { seq: number | null; event_id: string };
  assert.equal(row.seq, null);
  assert.equal(await around(row.event_id, '-B', '2', '-A', '1'), '-2,tie-3 -1,tie-4 0,open 1,near');
  assert.equal((await box.run(['context', '7'])).code, 2, 'the seq that it will have is not its own yet');
  child.stdin.end();
  await done;
  assert.equal(await around('7', '-B', '1', '-A', '1'), '-1,tie-4 0,open 1,near');
});
