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
  const run = await box.run(['report', 'usage', '--until', '2026-05-17', '-o', 'usage.html']);
  assert.deepEqual([run.code, run.stdout], [0, '']);
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

test("an unknown end of a file's name is refused with the formats there are", async () => {
  const run = await box.run(['report', 'usage', '-o', 'usage.pdf']);
  assert.equal(run.code, 2);
  assert.match(run.stderr, /\.pdf .*\.html, \.md, \.json or \.txt.*table\|json\|markdown\|html/);
  assert.ok(!existsSync(box.path('usage.pdf')));
});

test('a record from the future moves no period that nobody named; where nothing lies in one, it is said where there is', async () => {
  const lines = [{ ts: '2099-01-01T00:00:00Z', model: 'qwen3-4b', user_id: 'u' }].map(r => JSON.stringify(r));
  assert.equal((await box.run(['ingest'], `${lines.join('\n')}\n`)).code, 0);
  const [usage, anomalies, prompts, behind, taken] = await Promise.all(
    [
      ['usage'],
      ['anomalies'],
      ['prompts', '--format', 'markdown'],
      ['anomalies', '--since', '2098-01-01', '--format', 'markdown'],
      ['usage', '--since', '2098-12-31', '--until', '2099-01-02'],
    ].map(args => box.run(['report', ...args])),
  );
  const later = { records: 1, newest: '2099-01-01T00:00:00.000000Z' };
  for (const { stdout } of [usage!, anomalies!]) {
    const data = JSON.parse(stdout) as { until: string; later: unknown };
    assert.ok(data.until < '2098', data.until);
    assert.deepEqual(data.later, later);
  }
  const note = /1 record is later than this host's clock, the newest of 2099\\?-01\\?-01/;
  assert.match(prompts!.stdout, note);
  assert.match(behind!.stdout, /There are no records in this time/);
  assert.match(behind!.stdout, /The newest record of the store is of 20[2-8]/);
  assert.match(behind!.stdout, note);
  assert.equal(
    (JSON.parse(taken!.stdout) as { totals: { now: { requests: number } } }).totals.now.requests,
    1,
  );
});

test('of what was altered there is no page, but for who takes it unverified: that is what the page says first', async () => {
  const [day] = readdirSync(join(box.store, 'records'));
  const [file] = readdirSync(join(box.store, 'records', day!));
  const path = join(box.store, 'records', day!, file!);
  writeFileSync(path, readFileSync(path, 'latin1').replace('DuckDB', 'DuckDX'), 'latin1');
  const run = await box.run(['report', 'failures', '--format', 'table', '-o', 'failures.txt']);
  assert.equal(run.code, 1);
  assert.match(run.stderr, /PAYLOAD_ALTERED|altered/);
  assert.ok(!existsSync(box.path('failures.txt')));
  const forced = ['report', 'failures', '--until', '2026-05-17', '--allow-unverified'];
  const told = await box.run([...forced, '--format', 'table']);
  assert.equal(told.code, 0, told.stderr);
  assert.match(
    told.stdout,
    /^Failures \(not verified\)\n.*\n\nNothing on this page is verified: PAYLOAD_ALTERED segment/,
  );
  assert.doesNotMatch(told.stdout, /Checked: /);
  const data = JSON.parse((await box.run(forced)).stdout) as { unverified: string[] };
  assert.match(data.unverified.join(), /^PAYLOAD_ALTERED segment/);
});
