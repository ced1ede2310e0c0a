import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Sandbox } from '../sandbox.ts';

const box = new Sandbox();
after(() => box.remove());

/** What a command loads of the program and of packages. */
async function loads(...args: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slmaudit-loads-'));
  try {
    await box.run(args, undefined, { NODE_V8_COVERAGE: folder });
    const all = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
    const urls = all.flatMap(text => (JSON.parse(text) as { result: { url: string }[] }).result);
    return urls.map(({ url }) => url).filter(url => url.startsWith('file:') || url === 'node:crypto');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('help loads the list of verbs and the parser; of verbs only the one that is asked, and nothing that it works with', async () => {
  const general = await loads('--help');
  assert.ok(general.some(url => url.includes('/cli/commands.js')));
  const strange = general.filter(
    url =>
      !/\/bin\/slmaudit$|\/dist\/errors\.js$|\/node_modules\/commander\//.test(url) &&
      !/\/dist\/(cli|record)\/\w+\.js$/.test(url),
  );
  assert.deepEqual(strange, []);
  assert.ok(general.length < 20, `${general.length} modules`);
  const own = await loads('ingest', '--help');
  assert.deepEqual(
    own.filter(url => url.includes('/cli/commands/')).map(url => url.split('/').at(-1)),
    ['ingest.js'],
  );
  assert.deepEqual(
    own.filter(url => /chalk|cli-table3|duckdb|yaml|node:crypto/.test(url)),
    [],
  );
});
