import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wholeOf } from '../src/cli/command.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { checkCommand, commandsIn } from './typed.ts';

const files = readdirSync('examples', { recursive: true, withFileTypes: true })
  .filter(e => e.isFile())
  .map(e => join(e.parentPath, e.name))
  .toSorted();
const textOf = (name: string): string => readFileSync(`examples/${name}`, 'utf8');

test('every command in examples/ is one that the program takes, with these options', async () => {
  const found = files.flatMap(file => commandsIn(readFileSync(file, 'utf8')));
  assert.ok(found.length >= 9, `${found.length} commands`);
  for (const command of found) await checkCommand(command);
});

test('every command that help and manual pages show as an example is one', async () => {
  const commands = await Promise.all(COMMANDS.map(wholeOf));
  const found = commands.flatMap(c => c.examples.flatMap(e => commandsIn(e.command)));
  assert.ok(found.length >= COMMANDS.length);
  for (const command of found) await checkCommand(command);
});

test('what a wrong example would look like is seen', async () => {
  for (const wrong of [
    'slmaudit nope',
    'slmaudit verify --nope',
    'slmaudit ingest --format nope',
    'slmaudit map test',
  ])
    await assert.rejects(() => checkCommand(commandsIn(wrong)[0]!), wrong);
});

test('crontab lines have five fields of time and then a command, and escape every %', () => {
  const lines = textOf('crontab')
    .split('\n')
    .filter(l => l !== '' && !/^(?:#|[A-Z_]+=)/.test(l));
  assert.ok(lines.length >= 5);
  for (const line of lines) {
    assert.match(line, /^(?:[\d*]+ +){5}slmaudit /);
    assert.doesNotMatch(line, /(?<!\\)%/);
  }
});

test('units are parted into sections, each setting stands once but those of a list, and each timer has its service', () => {
  const units = files.filter(f => f.includes('systemd'));
  for (const unit of units) {
    const lines = readFileSync(unit, 'utf8')
      .split('\n')
      .filter(l => l !== '' && !l.startsWith('#'));
    assert.match(lines[0]!, /^\[Unit\]$/, unit);
    for (const line of lines)
      assert.match(line, /^(?:\[(?:Unit|Service|Timer|Install)\]|[A-Z]\w+=.*)$/, unit);
    const keys = lines.flatMap(l =>
      l.startsWith('[') || l.startsWith('Environment=') ? [] : [l.split('=')[0]!],
    );
    assert.deepEqual(keys.length, new Set(keys).size, unit);
    if (unit.endsWith('.timer')) assert.ok(units.includes(unit.replace(/timer$/, 'service')), unit);
    else assert.match(readFileSync(unit, 'utf8'), /^NoNewPrivileges=yes$/m, unit);
  }
});

test('codes are what units take them for: quarantine is an end as it should be, a held lock is tried again', () => {
  assert.match(textOf('systemd/slmaudit-ingest.service'), /^SuccessExitStatus=3$/m);
  assert.match(
    textOf('systemd/slmaudit-prune.service'),
    /^Restart=on-failure\nRestartPreventExitStatus=1 2$/m,
  );
  assert.doesNotMatch(textOf('systemd/slmaudit-verify.service'), /^SuccessExitStatus/m);
  assert.doesNotMatch(textOf('logrotate').replaceAll(/^ *#.*$/gm, ''), /copytruncate/);
});
