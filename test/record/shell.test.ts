import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { withTrial } from '../../src/duck/trial.ts';
import { searchOptions, sqlLine, sqlText } from '../../src/record/shell.ts';
import { UNSEEN } from '../../src/record/unseen.ts';
import { readRules } from '../../src/rules/read.ts';

const HOSTILE = [
  'a\nb',
  'a  \n\t b',
  '\u0000',
  'a\u0000',
  '\u001b[2Jana',
  "o'hara\u0007'",
  'a\u061c\u00ad\u200b\u200d\u3164\ufe0f\u{e0041}b',
  '\u202eevil',
];

/** What a shell makes of a command: its words. */
const wordsOf = (command: string): string[] =>
  execFileSync('/bin/sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], {
    encoding: 'utf8',
  })
    .split('\0')
    .slice(0, -1);

test('a command that is printed for a hostile id can be seen, passed and finds its records and no others', async () => {
  await withTrial(async trial => {
    await trial.tell(
      ['ada', 'a b', ...HOSTILE].map(user_id => ({ user_id, ts: '2026-05-01T00:00:00Z' })),
      [],
    );
    for (const user_id of HOSTILE) {
      const [option, where, ...more] = wordsOf(searchOptions({ user_id }).join(' '));
      assert.deepEqual([option, more], ['--where', []]);
      assert.doesNotMatch(where!, UNSEEN);
      const found = await trial.all(`SELECT user_id FROM records WHERE ${where}`);
      assert.deepEqual(found, [{ user_id }]);
      const line = sqlLine(
        `SELECT user_id\n   FROM records WHERE user_id LIKE '${user_id.replaceAll("'", "''")}'`,
      );
      assert.doesNotMatch(line, UNSEEN);
      assert.deepEqual(await trial.all(line), [{ user_id }]);
    }
  });
});

test('the command of a rule’s episode spells what its entity holds', () => {
  const [rule] = readRules(['rules/silence.yml', 'rules/token-burn.yml']).rules.slice(1);
  const shown = rule!.show(
    '2026-05-01T00:00:00.000000Z',
    '2026-05-01T01:00:00.000000Z',
    rule!.entity.map(() => 'a\n\u001bb'),
  );
  assert.doesNotMatch(shown, UNSEEN);
  assert.match(wordsOf(shown).at(-1)!, /= \('a' \|\| chr\(10\) \|\| chr\(27\) \|\| 'b'\)$/);
});

test('plain ids are options; what options would read otherwise is said in SQL, in one condition', () => {
  assert.deepEqual(searchOptions({ user_id: 'ada', client_ip: '192.0.2.1', model: null }), [
    '--user ada',
    '--ip 192.0.2.1',
  ]);
  assert.deepEqual(searchOptions({ user_id: 'a*', model: '-m' }, 'seq > 1'), [
    `--where 'seq > 1 AND user_id = '\\''a*'\\'' AND model = '\\''-m'\\'''`,
  ]);
  assert.equal(sqlText("o'hara"), "'o''hara'");
});
