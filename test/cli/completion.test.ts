import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMANDS } from '../../src/cli/commands.ts';
import { completed } from '../../src/cli/completing.ts';
import { completionScript, completionText, type Shell } from '../../src/cli/completion.ts';
import { init } from '../../src/init/init.ts';
import { openStore } from '../../src/store/store.ts';
import { Sandbox } from '../sandbox.ts';

const box = new Sandbox();
after(() => box.remove());
const own = box.path('.config', 'slmaudit', 'queries');
mkdirSync(own, { recursive: true });
writeFileSync(
  `${own}/zz-mine.sql`,
  '-- what is mine\n-- param top = 20: how many\n-- param user: whose\nselect 1\n',
);

const none = (): never => assert.fail('no store is asked');
const world = { queriesFolder: own, rulesFolder: box.path('none') };
const at = async (line: string): Promise<string[]> =>
  (await completed(line, COMMANDS, world, none)).suggestions.map(s => s.value);
const otherwise = async (line: string): Promise<string> =>
  (await completed(line, COMMANDS, world, none)).otherwise;

test('every verb is offered, and the verbs of those that have some, behind help too', async () => {
  const first = [...new Set(COMMANDS.map(c => c.name.split(' ')[0]!))];
  assert.deepEqual(await at('slmaudit '), [...first, 'help']);
  assert.deepEqual(await at('slmaudit co'), ['context', 'compact', 'coverage', 'config', 'completion']);
  const inner = ['add', 'list', 'release'];
  for (const line of ['slmaudit hold ', 'slmaudit help hold ', 'A=1 slmaudit -q --store /x hold '])
    assert.deepEqual(await at(line), inner, line);
});

test('options are offered once, those of the whole program too, and none behind --', async () => {
  const options = await at('slmaudit verify --records --');
  for (const name of ['--jobs', '--json', '--store', '--help']) assert.ok(options.includes(name), name);
  for (const name of ['--records', '--format']) assert.ok(!options.includes(name), name);
  assert.deepEqual(await at('slmaudit detect --rule x --rul'), ['--rules', '--rule']);
  assert.deepEqual(await at('slmaudit ingest -- --'), []);
});

test('values that are known are offered: choices, lists up to their last comma, zones, presets', async () => {
  assert.deepEqual(await at('slmaudit search --format '), await at('slmaudit query x --format '));
  assert.deepEqual(await at('slmaudit search --format=j'), ['--format=json']);
  assert.deepEqual(await at('slmaudit search --status ok,e'), ['ok,error']);
  assert.deepEqual(await at('slmaudit search --status ok,o'), []);
  assert.deepEqual(await at('slmaudit search --operation ch'), ['chat']);
  assert.deepEqual(await at('slmaudit search --sort -out'), ['-output_tokens']);
  assert.deepEqual(await at('slmaudit search --group-by "hour,user_k'), ['hour,user_kind']);
  assert.deepEqual(await at('slmaudit search --zone Europe/Berl'), ['Europe/Berlin']);
  assert.deepEqual(await at('slmaudit policy set soc2,pci'), ['soc2,pci-dss']);
  assert.deepEqual(await at('slmaudit config '), ['log-queries']);
  assert.deepEqual(await at('slmaudit config log-queries '), ['off', 'on']);
});

test('saved queries are offered by name, the user’s own too, and the parameters of the one that is named', async () => {
  assert.deepEqual(await at('slmaudit query @zz'), ['@zz-mine']);
  assert.deepEqual(await at('slmaudit query @zz-mine --param '), ['top=', 'user=']);
  const [mine] = (await completed('slmaudit query @zz', COMMANDS, world, none)).suggestions;
  assert.equal(mine!.about, 'what is mine');
});

test('what is shipped is offered by the program itself: saved queries and rules', async () => {
  const shipped = readdirSync('queries').filter(name => name.endsWith('.sql')).length;
  const queries = await box.run(['completion', 'bash', '--', 'slmaudit query @']);
  assert.equal(queries.stdout.trimEnd().split('\n').length, 1 + shipped + 1);
  const rules = await box.run(['completion', 'fish', '--', 'slmaudit rules show token-bu']);
  assert.match(rules.stdout, /^nothing\ntoken-burn\tA known account .*\n$/);
});

test('holds are offered by their ids, of the store that the line names', async () => {
  init({ store: box.store, keys: box.keys, recovery: false, origin: 'test.example/log' });
  const hold = await box.run(['hold', 'add', '--all', '--reason', 'case-7', '--json']);
  const { id } = JSON.parse(hold.stdout) as { id: string };
  const line = `slmaudit hold --store ${box.store} --keys=${box.keys} release `;
  const { suggestions } = await completed(line, COMMANDS, world, (store, keys) => openStore(store!, keys!));
  assert.deepEqual(suggestions, [{ value: id, about: 'case-7' }]);
});

test('where a file or a folder is meant the shell is told so', async () => {
  assert.equal(await otherwise('slmaudit ingest '), 'files');
  assert.equal(await otherwise('slmaudit verify --pin '), 'files');
  assert.equal(await otherwise('slmaudit --store '), 'folders');
  assert.equal(await otherwise('slmaudit search --user '), 'nothing');
});

test('bash is told only the part that it replaces', async () => {
  const answer = await completed('slmaudit search --format=j', COMMANDS, world, none);
  assert.equal(completionText(answer, 'j'), 'nothing\njson\n');
  assert.equal(completionText(answer), 'nothing\n--format=json\n');
});

/** What a person has typed, with a tab behind it, and what the line is then. */
const TYPED: readonly (readonly [string, string])[] = [
  ['slmaudit quar', 'slmaudit quarantine '],
  ['slmaudit search --status ok,canc', 'slmaudit search --status ok,cancelled '],
  ['slmaudit search --format=js', 'slmaudit search --format=json '],
  ['slmaudit query @zz', 'slmaudit query @zz-mine '],
  ['slmaudit query @zz-mine --param us', 'slmaudit query @zz-mine --param user='],
  ['slmaudit ingest some-lo', 'slmaudit ingest some-log.ndjson '],
];
writeFileSync(box.path('some-log.ndjson'), '');

/** Why a shell can't be tried; `script`, as Linux has it, makes a terminal. */
const absent = (...programs: readonly string[]): string | false => {
  const missing = programs.find(p => spawnSync('sh', ['-c', `command -v ${p}`]).status !== 0);
  if (missing !== undefined) return `${missing} is not installed`;
  return programs.includes('script') && process.platform !== 'linux' && 'script has other options here';
};
const env = { ...box.env, PATH: `${process.cwd()}/bin:${process.env['PATH'] ?? ''}`, TERM: 'dumb' };

const PROMPT = 'next? ';

/** Types at a terminal. Each line is completed, and then echoed instead of run: Ctrl-A goes to its begin, Ctrl-E to its end. */
async function typed(shell: 'bash' | 'zsh', setUp: string): Promise<string[]> {
  const start = { bash: 'bash --norc --noprofile -i', zsh: 'zsh -f -i' }[shell];
  const child = spawn('script', ['-qec', start, '/dev/null'], { cwd: box.folder, env });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  // The prompt is shown once the shell edits lines again; what is typed before that may be lost.
  const until = async (sign: string): Promise<void> => {
    const isThere = (): boolean =>
      shown.includes(sign) && shown.lastIndexOf(PROMPT) > shown.lastIndexOf(sign);
    for (let i = 0; i < 400 && !isThere(); i++) await sleep(50);
    assert.ok(isThere(), `${sign} is not shown: ${shown.slice(-500)}`);
  };
  child.stdin.write(`${setUp}; echo re''ady\n`);
  await until('ready');
  for (const [i, [line]] of TYPED.entries()) {
    child.stdin.write(`${line}\t\u0001echo "got${i}['\u0005']" >> got; echo do''ne${i}\n`);
    await until(`done${i}`);
  }
  child.stdin.end('exit\n');
  await new Promise(resolve => child.on('close', resolve));
  const { stdout } = spawnSync('cat', ['got'], { cwd: box.folder, encoding: 'utf8' });
  spawnSync('rm', ['got'], { cwd: box.folder });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line, i) => line.slice(`got${i}['`.length, -"']".length));
}

for (const [shell, setUp] of [
  ['bash', `PS1="${PROMPT}"; source ./_script`],
  ['zsh', `PS1="${PROMPT}"; bindkey -e; autoload -U compinit && compinit -u -D; source ./_script`],
] as const)
  test(`${shell} completes what a person types`, { skip: absent(shell, 'script') }, async () => {
    writeFileSync(box.path('_script'), completionScript(shell));
    // zsh takes the blank behind a word away when something else is typed than the next one.
    const expected = TYPED.map(([, line]) => (shell === 'zsh' ? line.trimEnd() : line));
    assert.deepEqual(await typed(shell, setUp), expected);
  });

test('fish completes what a person types', { skip: absent('fish') }, () => {
  writeFileSync(box.path('_script'), completionScript('fish' satisfies Shell));
  const asked = TYPED.map(([line]) => `complete -C'${line}'; echo .`).join('; ');
  const run = spawnSync('fish', ['--no-config', '-c', `source ./_script; ${asked}`], {
    cwd: box.folder,
    env,
    encoding: 'utf8',
  });
  assert.equal(run.status, 0, run.stderr);
  const answers = run.stdout.split('\n.\n').slice(0, TYPED.length);
  assert.deepEqual(
    answers.map(lines => lines.split('\t')[0]!.trim()),
    TYPED.map(([, line]) => line.trimEnd().split(' ').at(-1)),
  );
});
