import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { EPISODE_FORMATS, printEpisodes } from '../../src/cli/render/episodes.ts';
import { isRead, printer } from '../../src/cli/render/rows.ts';
import type { Episode } from '../../src/detect/episode.ts';
import { madeEpisode } from '../detect/episodes.ts';

const EPISODES: readonly Episode[] = [
  { ...madeEpisode('ana', 0, 90), hits: 12, value: 1234.5, usual: 9, unverified: 'why' },
  { ...madeEpisode('|<script>\u001b[31m', 5), entity: { user_id: 'x', client_ip: null, model: '=cmd' } },
];

async function printed(
  format: (typeof EPISODE_FORMATS)[number],
  episodes = EPISODES,
  width?: number,
): Promise<string> {
  let out = '';
  const print = (text: string): Promise<boolean> => {
    out += text;
    return Promise.resolve(true);
  };
  assert.equal(await printEpisodes(episodes, format, print, { width, plain: true }), true);
  return out;
}

test('episodes as a table say when, how long, who, how much, and that they are not verified', async () => {
  const [head, first, second, ...rest] = (await printed('table')).split('\n');
  assert.match(head!, /^level +when +lasted +rule +who +what +door +unverified$/);
  assert.match(
    first!,
    /^high +2026-05-01T00:00:00Z +1 h 30 min +Rule a-rule +ana +up to 1235 tokens in 1 h \(before at most 9\), 12 hits +nothing +why$/,
  );
  assert.match(
    second!,
    /^high +2026-05-01T00:05:00Z +0 s +Rule a-rule +user_id x, model =cmd +1 hit +nothing$/,
  );
  assert.deepEqual(rest, ['2 rows', 'records of the first 2:', '  slmaudit search', '  slmaudit search', '']);
  assert.ok(
    (await printed('table', EPISODES, 80))
      .split('\n')
      .slice(0, 4)
      .every(line => line.length <= 80),
  );
  assert.equal(await printed('table', []), '');
});

test('machines get all of an episode, a line each or in one list; nothing in Markdown is a command', async () => {
  const lines = (await printed('ndjson')).trimEnd().split('\n');
  assert.deepEqual(
    lines.map(l => JSON.parse(l) as Episode),
    EPISODES,
  );
  assert.deepEqual(JSON.parse(await printed('json')), EPISODES);
  assert.deepEqual([await printed('json', []), await printed('ndjson', [])], ['[]\n', '']);
  const csv = (await printed('csv')).split('\n');
  assert.match(
    csv[1]!,
    /^ana-0,high,a-rule,Rule a-rule,"\{""user_id"":""ana""\}",2026-05-01T00:00:00.000000Z,/,
  );
  const marked = await printed('markdown', [madeEpisode('|<script>\u001b[31m', 5)]);
  assert.match(marked, /\\\|&lt;script\\>\\\\u\{1b\}\\\[31m/);
});

test('a narrow terminal gets lines that fit it, and nothing of them is left out', async () => {
  const says = 'same user, same address: 12 logins failed, 1 succeeded in the 24h before';
  const episode = { ...EPISODES[0]!, entity: { user_id: `ana-${'x'.repeat(90)}` } };
  const text = await printed('table', [{ ...episode, door: { ...episode.door, says } }], 60);
  const [block = ''] = text.split('records of');
  assert.deepEqual(
    block.split('\n').filter(line => line.length > 60),
    [],
  );
  assert.match(block.replaceAll(/\s+/g, ''), /ana-x{90}Rulea-rule/);
  assert.match(block.replaceAll(/\n */g, ' '), new RegExp(says));
});

test('whose event fired stands behind whom the episode is about, where that tells who it was', async () => {
  const { measures: _, ...alone } = EPISODES[0]!.rule;
  const guessed = { ...EPISODES[0]!, entity: { client_ip: '192.0.2.7' }, fired: { user_id: 'edda' } };
  assert.match(await printed('table', [{ ...guessed, rule: alone }]), / 192\.0\.2\.7 \(edda\) /);
  assert.doesNotMatch(await printed('table', [guessed]), /edda/);
});

test('more episodes than a table holds are all there: all of them count as shown', async () => {
  const many = Array.from({ length: 1001 }, (_, i) => madeEpisode(`ana${i}`, i));
  for (const width of [undefined, 300])
    assert.equal((await printed('table', many, width)).match(/ana\d+$/gm)?.length, 1001);
});

test('a reader that goes while the last of it is written has not seen it', async () => {
  const out = new Writable({ write: (_, __, done) => process.nextTick(done, new Error('EPIPE')) });
  out.on('error', () => undefined);
  const print = printer(out);
  assert.equal(await printEpisodes(EPISODES, 'ndjson', print, {}), true);
  assert.equal(await isRead(print), false);
});

test('a reader that is gone has not seen it', async () => {
  for (const format of EPISODE_FORMATS)
    assert.equal(await printEpisodes(EPISODES, format, () => Promise.resolve(false), {}), false, format);
});
