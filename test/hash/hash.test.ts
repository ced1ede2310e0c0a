import assert from 'node:assert/strict';
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
