import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Sandbox, withStore } from '../sandbox.ts';

async function hashesOf(box: Sandbox, ...args: string[]): Promise<Record<string, string[]>> {
  const run = await box.run(['hash', ...args, '--format', 'ndjson']);
  assert.equal(run.code, 0, run.stderr);
  const found: Record<string, string[]> = {};
  for (const line of run.stdout.trimEnd().split('\n')) {
    const { column, hash } = JSON.parse(line) as { column: string; hash: string };
    (found[column] ??= []).push(hash);
  }
  return found;
}

const count = async (box: Sandbox, column: string, hash: string): Promise<string> =>
  (await box.run(['query', `select count(*) from records where ${column} = '${hash}'`, '--format', 'csv']))
    .stdout;

test('a prompt is found by its hashes: as it was typed, from a file with a line feed, in any history, as messages', () =>
  withStore(async box => {
    const alone = [{ role: 'user', content: 'Why is the sky blue?' }];
    const history = [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello' }, ...alone];
    const lines = [alone, history].map(messages => JSON.stringify({ ts: '2026-05-01T00:00:07Z', messages }));
    await box.run(['ingest'], `${lines.join('\n')}\n`);

    const typed = await hashesOf(box, '--text', 'Why is the sky blue?');
    assert.equal(await count(box, 'prompt_hash', typed['prompt_hash']![0]!), 'count_star()\n1\n');
    assert.equal(await count(box, 'last_user_hash', typed['last_user_hash']![0]!), 'count_star()\n2\n');

    const file = box.path('prompt.txt');
    writeFileSync(file, 'Why is the sky blue?\n');
    const filed = await hashesOf(box, '--prompt-file', file);
    assert.deepEqual(filed['prompt_hash']?.slice(0, 1), typed['prompt_hash']);
    assert.equal(filed['prompt_hash']?.length, 2, 'with the line feed too');

    const json = box.path('messages.json');
    for (const content of [history, { model: 'm', messages: history }]) {
      writeFileSync(json, JSON.stringify(content, null, 2));
      const messages = await hashesOf(box, '--prompt-file', json);
      assert.equal(await count(box, 'prompt_hash', messages['prompt_hash']![0]!), 'count_star()\n1\n');
      assert.deepEqual(messages['last_user_hash'], typed['last_user_hash']);
    }
  }));

test('a leaked key is found by the key itself, whichever way its gateway wrote it, and an id that is none says how', () =>
  withStore(async box => {
    const key = 'sk-secretsecretsecret';
    const sha = createHash('sha256').update(key).digest('hex');
    const line = (more: object): string =>
      JSON.stringify({ call_type: 'acompletion', startTime: 1777593607.6, spend: 0, ...more });
    const lines = [key, sha, 'sk-another'].map(api_key => line({ api_key }));
    lines.push(line({ metadata: { user_api_key_hash: sha } }));
    await box.run(['ingest'], `${lines.join('\n')}\n`);
    const found = await box.run(['search', '--api-key-file', '-', '--count', '--format', 'csv'], `${key}\n`);
    assert.equal(found.stdout, 'records\n3\n', found.stderr);
    const without = [
      'search',
      '--api-key-file',
      '-',
      '--count',
      '--format',
      'csv',
      '--keys',
      box.path('none'),
    ];
    assert.equal((await box.run(without, key)).stdout, 'records\n1\n', 'only as the gateway hashed it');
    writeFileSync(box.path('key.txt'), key);
    const { api_key_id } = await hashesOf(box, '--api-key-file', box.path('key.txt'));
    assert.deepEqual([api_key_id?.length, api_key_id?.[1]], [3, sha]);
    const empty = await box.run(['search', '--api-key-file', '-'], ' \n');
    assert.deepEqual([empty.code, /there is no key in/.test(empty.stderr)], [2, true], empty.stderr);
  }));

test('standard input is waited for, as long as whoever fills it takes', () =>
  withStore(async box => {
    const { child, done } = box.start(['hash', '--prompt-file', '-', '--format', 'ndjson']);
    await setTimeout(1000);
    child.stdin.end('Why is the sky blue?');
    const { code, stdout, stderr } = await done;
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout,
      (await box.run(['hash', '--text', 'Why is the sky blue?', '--format', 'ndjson'])).stdout,
    );
  }));

test('nothing to hash, two prompts at once, no such file: 2', () =>
  withStore(async box => {
    for (const args of [
      ['--text', ''],
      [],
      ['--text', 'a', '--prompt-file', 'b'],
      ['--prompt-file', box.path('none')],
    ])
      assert.equal((await box.run(['hash', ...args])).code, 2, args.join(' '));
  }));
