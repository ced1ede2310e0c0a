import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMap } from '../src/map/read.ts';
import { FORMAT_NAMES } from '../src/normalize/names.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { Sandbox } from './sandbox.ts';

const README = readFileSync('README.md', 'utf8');
const GUIDE = readFileSync('GUIDE.md', 'utf8');

/** Commands of the console blocks and what they print. */
function session(): { command: string; output: string }[] {
  const blocks = [...README.matchAll(/```console\n([\s\S]*?)```/g)].map(m => m[1]!).join('');
  return blocks
    .split(/^\$ /m)
    .slice(1)
    .map(step => ({
      command: step.slice(0, step.indexOf('\n')),
      output: step.slice(step.indexOf('\n') + 1),
    }));
}

/** What differs from run to run: keys, hashes, the day of sealing, sizes of Parquet files. */
function settled(text: string): string {
  return text
    .replaceAll(/\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}@sha256:/g, '+<key>@sha256:')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<hash>')
    .replaceAll(/\b[0-9a-f]{8}\b(?=\n)/g, '<start>')
    .replaceAll(/sealed_on=\d{4}-\d\d-\d\d/g, 'sealed_on=<day>')
    .replaceAll(/\(\d+\.\d kB\)/g, '(<size>)')
    .replaceAll(/\d[\d,]* bytes(?=, found|$)/gm, '<bytes>');
}

test('the session in README prints what README says it prints', () => {
  const box = new Sandbox();
  try {
    const place = join(box.folder, 'srv');
    mkdirSync(place);
    const steps = session();
    assert.ok(steps.length >= 8);
    writeFileSync(join(place, 'gateway.ndjson'), steps[0]!.output);
    const env = {
      ...process.env,
      PATH: `${join(process.cwd(), 'bin')}:${process.env['PATH'] ?? ''}`,
      SLMAUDIT_STORE: join(place, 'store'),
      SLMAUDIT_KEYS: join(place, 'keys'),
      HOME: place,
      NO_COLOR: '1',
    };
    const day = new Date().toISOString().slice(0, 10);
    for (const { command, output } of steps) {
      const here = command
        .replaceAll('/srv/audit', place)
        .replace(/sealed_on=\d{4}-\d\d-\d\d/, `sealed_on=${day}`);
      const run = spawnSync('sh', ['-c', `${here} 2>&1`], { cwd: place, env, encoding: 'utf8' });
      assert.equal(
        settled(run.stdout.replaceAll(place, '/srv/audit')).trimEnd(),
        settled(output).trimEnd(),
        command,
      );
    }
  } finally {
    box.remove();
  }
});

/** As GitHub names the place of a heading. */
const anchors = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(m =>
      m[1]!
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );

test('every link of README and GUIDE leads to a file and a heading, and every npm script they name is there', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  for (const text of [README, GUIDE]) {
    for (const [, file, place] of text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)) {
      const found =
        file === '' ? text : existsSync(file!) && statSync(file!).isFile() && readFileSync(file!, 'utf8');
      assert.ok(found !== false || existsSync(file!), file);
      if (place !== '') assert.ok(anchors(String(found)).has(place!), `${file}#${place}`);
    }
    for (const [, name] of text.matchAll(/npm run ([a-z:]+)/g)) assert.ok(scripts[name!], name);
  }
});

test('README names every verb there is', () => {
  const table = README.slice(README.indexOf('## What one does with it'), README.indexOf('Exit codes are'));
  const named = new Set([...table.matchAll(/`([^`]+)`/g)].flatMap(m => m[1]!.split(' ')));
  assert.deepEqual(
    COMMANDS.flatMap(c => c.name.split(' ')).filter(name => !named.has(name)),
    [],
  );
});

test('GUIDE names every format there is, and the map it shows is one', () => {
  const named = new Set([...GUIDE.matchAll(/`([a-z0-9-]+)`/g)].map(m => m[1]));
  assert.deepEqual(
    FORMAT_NAMES.filter(name => !named.has(name)),
    [],
  );
  const map = parseMap(/```yaml\n(name:[\s\S]*?)```/.exec(GUIDE)![1]!, 'GUIDE.md');
  assert.equal(map.name, 'my-gateway');
});
