import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promptsPage } from '../../src/anomaly/prompts/page.ts';
import { promptsIn } from '../../src/anomaly/prompts/prompts.ts';
import { pageText } from '../../src/cli/render/page/format.ts';
import { withRecords } from '../asked.ts';
import { asked, DAY, dice, HOUR, hashOf, MONDAY, ordinary, withMonth } from './month.ts';

const r = dice(5);
const [SHARED, FAILING, LONG, SCRIPT] = [hashOf(1), hashOf(2), hashOf(3), hashOf(4)];
const sent = (n: number, more: (i: number) => object): ReturnType<typeof asked>[] =>
  Array.from({ length: n }, (_, i) => asked(MONDAY + DAY + r() * 4 * DAY, more(i)));

test('prompts are told by why: shared, failing, long, sent by a script; with who, when and how evenly', async () => {
  const records = [
    ...ordinary(7),
    ...sent(12, i => ({ user_id: `user-${i}`, prompt_hash: SHARED })),
    ...sent(10, i => ({ user_id: 'user-1', prompt_hash: FAILING, status: i < 8 ? 'refused' : 'ok' })),
    ...sent(6, () => ({ user_id: 'user-2', prompt_hash: LONG, output_tokens: 90_000 })),
    ...Array.from({ length: 50 }, (_, i) =>
      asked(MONDAY + 2 * DAY + i * 30e6, { user_id: 'user-3', prompt_hash: SCRIPT }),
    ),
    ...sent(4, () => ({ user_id: 'user-4', prompt_hash: hashOf(5) })),
  ];
  const [found, page] = await withMonth(records, async asker => {
    const data = await promptsIn(asker, {});
    return [data, data] as const;
  });
  assert.equal(found.repeated, 4);
  const why = (hash: string): readonly string[] => found.prompts.find(p => p.prompt_hash === hash)!.why;
  assert.ok(why(SHARED).includes('shared') && why(LONG).includes('tokens'));
  assert.ok(why(FAILING).includes('failing') && why(SCRIPT).includes('script'));
  assert.deepEqual(
    found.prompts.filter(p => p.why.includes('failing')).map(p => p.prompt_hash),
    [FAILING],
  );
  assert.deepEqual(
    found.prompts.filter(p => p.why.includes('script')).map(p => p.prompt_hash),
    [SCRIPT],
  );
  const script = found.prompts.find(p => p.prompt_hash === SCRIPT)!;
  assert.deepEqual([script.users, script.top_user, script.top_requests, script.days], [1, 'user-3', 50, 1]);
  assert.deepEqual([script.every_s, script.jitter_pct], [30, 0]);
  assert.equal(page.prompts.find(p => p.prompt_hash === FAILING)!.refused, 8);
});

test('the page has a section for each reason, and says what was not looked at', async () => {
  const records = Array.from({ length: 40 }, (_, i) =>
    asked(MONDAY + i * (HOUR / 60), { user_id: 'user-3', prompt_hash: SCRIPT }),
  );
  const page = await withRecords(records, asker => promptsPage(asker, { zone: 'UTC' }));
  assert.deepEqual(
    page.sections.map(s => s.heading),
    ['Sent as a script sends', 'Burning most tokens'],
  );
  assert.equal(page.sections[0]!.more, `slmaudit search --prompt-hash ${SCRIPT.slice(0, 16)}`);
  const narrow = pageText('table', page, { width: 80, plain: true, foot: [] });
  assert.match(narrow, /^prompt +requests +users +most by +failed .*every s$/m);
  assert.ok(
    narrow.split('\n').every(line => line.length <= 80),
    narrow,
  );
  assert.deepEqual(page.notes, ['Prompts that came fewer than 5 times are not looked at.']);
});

test('without prompts there is nothing to say, and that is said', async () => {
  const bare = { ...asked(MONDAY, {}) };
  delete bare.prompt_hash;
  delete bare.hash_alg;
  const page = await withRecords([bare], asker => promptsPage(asker, { zone: 'UTC' }));
  assert.deepEqual([page.sections, page.notes], [[], []]);
});
