import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anomaliesPage } from '../../src/anomaly/page.ts';
import { promptsPage } from '../../src/anomaly/prompts/page.ts';
import { inquire } from '../../src/query/inquiry.ts';
import { failuresPage } from '../../src/report/failures/page.ts';
import { latencyPage } from '../../src/report/latency/page.ts';
import { modelsPage } from '../../src/report/models/page.ts';
import { usagePage } from '../../src/report/usage/page.ts';
import { usersPage } from '../../src/report/users/page.ts';
import { openStore } from '../../src/store/store.ts';
import { Sandbox } from '../sandbox.ts';
import { generated, toldOf } from './traffic.ts';

const box = new Sandbox();
const HOSTILE = `<img src=x onerror=alert(1)>'\u001b[2J`;

before(async () => {
  await box.run(['init', '--no-recovery', '--origin', 'test.example/log']);
  await box.run(['config', 'log-queries', 'on']);
  const lines = toldOf(generated(600)).map((r, i) =>
    JSON.stringify({ ...r, event_id: undefined, ...(i % 3 === 0 && { user_id: HOSTILE }) }),
  );
  const run = await box.run(['ingest'], `${lines.join('\n')}\n`);
  assert.equal(run.code, 0, run.stderr);
});
after(() => box.remove());

test('every page asks a store, under the guard of queries, in one inquiry', async () => {
  const pages = [usagePage, failuresPage, latencyPage, modelsPage, usersPage, anomaliesPage, promptsPage];
  const { value } = await inquire(openStore(box.store, box.keys), { memory: 1 << 28 }, async asker => {
    const titles: string[] = [];
    for (const page of pages) titles.push((await page(asker, { zone: 'Europe/Berlin' })).title);
    return titles;
  });
  assert.deepEqual(value, ['Usage', 'Failures', 'Latency', 'Models', 'Users', 'Anomalies', 'Prompts']);
});

test('report writes a page whose end says of which log it was made and what was checked, and is a query that is logged', async () => {
  const run = await box.run(['report', 'usage', '-o', 'usage.html']);
  assert.deepEqual([run.code, run.stdout, run.stderr], [0, '', '']);
  const html = readFileSync(box.path('usage.html'), 'utf8');
  assert.match(html, /<footer>\n<p>Log test\.example\/log, 3 entries, root [\w+/]{43}=\.<\/p>\n<p>Checked: /);
  assert.ok(!html.includes('<img') && html.includes('&lt;img src=x onerror=alert(1)&gt;'));
  const asked = await box.run(['report', 'usage', '--since', '2026-05-10', '--until', '2026-05-17']);
  const data = JSON.parse(asked.stdout) as Record<string, unknown>;
  assert.equal(data['form'], 'slmaudit-report-usage/1');
  assert.equal((data['log'] as Record<string, unknown>)['origin'], 'test.example/log');
  const told = await box.run([
    'query',
    "select operation, status, extra from records where operation = 'report' order by ts",
  ]);
  const records = told.stdout
    .trim()
    .split('\n')
    .map(l => JSON.parse(l) as Record<string, string>);
  assert.deepEqual(
    records.map(r => [r['status'], (JSON.parse(r['extra']!) as Record<string, string>)['sql']]),
    [
      ['ok', 'report usage'],
      ['ok', 'report usage'],
    ],
  );
});

test('of what was altered there is no page', async () => {
  const [day] = readdirSync(join(box.store, 'records'));
  const [file] = readdirSync(join(box.store, 'records', day!));
  const path = join(box.store, 'records', day!, file!);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
  const run = await box.run(['report', 'failures', '--format', 'table', '-o', 'failures.txt']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /PAYLOAD_ALTERED|altered/);
  assert.ok(!existsSync(box.path('failures.txt')));
});
