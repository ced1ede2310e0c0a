import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { after, test } from 'node:test';
import { type Context, optionKey, wholeOf } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { jsonGiven } from '../../src/cli/json.ts';
import { manPages } from '../../src/cli/man.ts';
import { commandOf, createProgram, GLOBAL_OPTIONS } from '../../src/cli/program.ts';
import { refusal } from '../../src/cli/refused.ts';
import { readCount, readSize, readSpan } from '../../src/cli/values.ts';
import { rulesListCommand } from '../../src/cli/commands/rules.ts';
import { printable } from '../../src/cli/voice.ts';
import { FORMATS } from '../../src/normalize/formats.ts';
import { nativeLines, Sandbox } from '../sandbox.ts';

const pkg = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string; man: string[] };
const whole = await Promise.all(COMMANDS.map(wholeOf));
const box = new Sandbox();
after(() => box.remove());

test('the manual pages in man/ are those the table of commands makes (else: npm run man)', () => {
  const pages = manPages(whole, pkg.version);
  assert.deepEqual(readdirSync('man').sort(), [...pages.keys()].sort());
  // npm installs those that are listed, one by one.
  assert.deepEqual(
    pkg.man,
    [...pages.keys()].sort().map(page => `man/${page}`),
  );
  for (const [name, text] of pages) assert.equal(readFileSync(`man/${name}`, 'utf8'), `${text}\n`, name);
});

test('every verb has a summary, an exit table that begins with 0, and options that commander keys as we do', async () => {
  const program = createProgram(COMMANDS, { version: '0', run: () => Promise.resolve() });
  for (const spec of whole) {
    assert.equal(spec.exits[0]?.[0], 0, spec.name);
    assert.match(spec.summary, /^[a-z][^.]*$/);
    const command = commandOf(program, spec)!.configureOutput({ writeOut: () => undefined });
    const words = [...spec.name.split(' '), '--help'];
    await assert.rejects(program.parseAsync(words, { from: 'user' }), { exitCode: 0 });
    assert.deepEqual(
      command.options.map(o => o.attributeName()),
      spec.options.map(optionKey),
    );
  }
});

test('whatever a verb has to say, --json says it to programs, and --format json where that is no format of the input', async () => {
  for (const spec of whole) {
    const [json, format] = ['--json', '--format <'].map(flags =>
      spec.options.filter(o => o.flags.startsWith(flags)),
    );
    // A line of JSON a record; a script.
    if (['export', 'completion'].includes(spec.name)) assert.equal(json!.length, 0, spec.name);
    else assert.deepEqual([json!.length, json![0]?.hidden], [1, undefined], spec.name);
    const input = ['ingest', 'formats', 'quarantine retry'].includes(spec.name);
    assert.equal(format![0]?.choices?.includes('json') ?? false, json!.length === 1 && !input, spec.name);
  }
  const given = { args: [], options: {} };
  const both = { json: true, format: 'json' };
  const [status, search, ingest] = ['status', 'search', 'ingest'].map(n => whole.find(c => c.name === n)!);
  for (const spec of [status!, search!])
    for (const options of [{ json: true }, { format: 'json' }, both])
      assert.deepEqual((await jsonGiven(spec, { ...given, options })).options, both);
  await assert.rejects(jsonGiven(search!, { ...given, options: { json: true, format: 'csv' } }), {
    code: 'USAGE',
  });
  const vllm = { json: true, format: 'vllm' };
  assert.deepEqual((await jsonGiven(ingest!, { ...given, options: vllm })).options, vllm);
});

test('what could not be understood is an error in JSON too where that was asked for', async () => {
  const run = await box.run(['search', '--json', '--nope']);
  assert.deepEqual([run.code, run.stdout], [2, '']);
  assert.equal((JSON.parse(run.stderr) as { error: { code: string } }).error.code, 'USAGE');
});

test('what the parser refuses is said in the words of everything else', () => {
  const choices = 'Allowed choices are table, json, ndjson, csv.';
  for (const [said, ours] of [
    [
      `option '--format <FORMAT>' argument 'tabel' is invalid. ${choices}`,
      '--format is one of table, json, ndjson, csv, not "tabel"; did you mean table?',
    ],
    [
      `option '--format <FORMAT>' argument 'x' is invalid. ${choices}`,
      '--format is one of table, json, ndjson, csv, not "x"',
    ],
    ["too many arguments for 'search'. Expected 0 arguments but got 1.", 'search takes no argument, not 1'],
    ["option '-o, --output <FILE>' argument missing", '-o, --output <FILE> has no value'],
    ["unknown option '--usr'", "unknown option '--usr'"],
  ] as const)
    assert.equal(refusal(said), ours);
});

test('--format of ingest offers every format there is', () => {
  const choices = whole
    .find(c => c.name === 'ingest')!
    .options.find(o => o.flags.startsWith('--format'))!.choices!;
  assert.deepEqual(choices, [...FORMATS.map(f => f.name), 'auto-line']);
});

test("help of any verb, of two words too, is that verb's own; what there is not is said to be unknown", async () => {
  for (const words of [...COMMANDS.map(c => c.name.split(' ')), ['report'], []]) {
    const program = createProgram(COMMANDS, { version: '0', run: () => Promise.resolve() });
    let said = '';
    const asked = words.reduce((at, word) => at.commands.find(c => c.name() === word)!, program);
    asked.configureOutput({ writeOut: text => void (said += text) });
    await assert.rejects(program.parseAsync(['help', ...words], { from: 'user' }), { exitCode: 0 });
    assert.ok(said.startsWith(`Usage: ${['slmaudit', ...words].join(' ')} `), said);
  }
  const program = createProgram(COMMANDS, { version: '0', run: () => Promise.resolve() });
  program.configureOutput({ outputError: () => undefined });
  await assert.rejects(program.parseAsync(['help', 'report', 'nope'], { from: 'user' }), {
    message: "error: unknown command 'report nope'",
  });
});

test('--version, --help, no arguments and wrong ones', async () => {
  assert.deepEqual(await box.run(['--version']), {
    code: 0,
    stdout: `slmaudit ${pkg.version}\n`,
    stderr: '',
  });
  const help = await box.run(['--help']);
  assert.equal(help.code, 0);
  for (const { name, summary } of COMMANDS)
    assert.match(
      help.stdout,
      name.includes(' ')
        ? new RegExp(` ${name.split(' ')[0]} `)
        : new RegExp(`${name}.*${summary.slice(0, 20)}`),
    );
  assert.match((await box.run(['map', '--help'])).stdout, / test .*try a description/);
  assert.equal((await box.run([])).code, 2);
  const verify = await box.run(['verify', '--help']);
  assert.deepEqual([verify.code, /\nOptions of every command:\n +--store /.test(verify.stdout)], [0, true]);
  for (const args of [
    ['nope'],
    ['query'],
    ['verify', '--no-such-thing'],
    ['ingest', '--format', 'nope'],
    ['ingest', '--max-line', 'big'],
  ]) {
    const run = await box.run([...args, '--store', box.store]);
    assert.equal(run.code, 2, args.join(' '));
    assert.match(run.stderr, /^slmaudit: error: .+\nhint: .+\n$/, args.join(' '));
  }
  const bare = await box.run(['hash', '--store', box.store]);
  assert.match(bare.stderr, /give one of .*\nhint: `slmaudit help hash`/);
});

test('options of the whole program work before and after the verb, and before the environment', async () => {
  const elsewhere = new Sandbox();
  try {
    await elsewhere.run(['init', '--no-recovery']);
    const env = { SLMAUDIT_STORE: '/nowhere', SLMAUDIT_KEYS: '/nowhere' };
    const places = ['--store', elsewhere.store, '--keys', elsewhere.keys];
    assert.equal((await box.run([...places, 'verify'], undefined, env)).code, 0);
    assert.equal((await box.run(['verify', ...places], undefined, env)).code, 0);
    assert.equal((await box.run(['verify'], undefined, env)).code, 2);
    assert.ok(GLOBAL_OPTIONS.length >= 3);
  } finally {
    elsewhere.remove();
  }
});

test('init under -q makes no recovery key that nobody would see', async () => {
  const quiet = await box.run(['-q', 'init']);
  assert.deepEqual([quiet.code, quiet.stdout], [2, '']);
  assert.match(quiet.stderr, /recovery key is shown once, and --quiet would not show it/);
  assert.throws(() => readdirSync(box.store), { code: 'ENOENT' });
});

test('init prints the pin alone on standard output, tells the recovery key once and refuses to do it again', async () => {
  const run = await box.run(['init', '--origin', 'test.example/log']);
  assert.equal(run.code, 0);
  assert.match(run.stdout, /^test\.example\/log\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}@sha256:[0-9a-f]{64}\n$/);
  assert.match(run.stderr, /^PRIVATE\+KEY\+test\.example\/log\/recovery\+/m);
  const secret = /PRIVATE\+KEY\S+/.exec(run.stderr)![0];
  const kept = readdirSync(box.folder, { recursive: true, withFileTypes: true }).filter(e => e.isFile());
  for (const e of kept)
    assert.ok(!readFileSync(`${e.parentPath}/${e.name}`, 'latin1').includes(secret.slice(-30)), e.name);
  const again = await box.run(['init', '--format', 'json']);
  assert.deepEqual([again.code, again.stdout], [2, '']);
  assert.equal((JSON.parse(again.stderr) as { error: { code: string } }).error.code, 'STORE_EXISTS');
});

test('no store, no keys, a store of a newer format: one error, the next command, nothing written', async () => {
  const none = await box.run(['ingest', '--store', box.path('none')], nativeLines(1));
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^slmaudit: error: no store at .*none\nhint: make one with `slmaudit init/);
  assert.ok(!existsSync(box.path('none')));
  const keyless = await box.run(['ingest', '--keys', box.path('no-keys')], nativeLines(1));
  assert.equal(keyless.code, 2);
  assert.match(keyless.stderr, /no keys of this store.*: \S+ is not there\nhint: .*--keys/);
  assert.deepEqual(readdirSync(`${box.store}/open`), []);
});

test('nothing in a log can command a terminal', () => {
  assert.equal(printable('a\u001b[2J\u202eb\u0007\n'), 'a\\u{1b}[2J\\u{202e}b\\u{7}\\u{a}');
  for (const unseen of '\u061c\u00ad\u200b\u200c\u200d\u2060\u3164\ufe0f\u{e0041}\ufeff')
    assert.equal(printable(`a${unseen}b`), `a\\u{${unseen.codePointAt(0)!.toString(16)}}b`);
  assert.equal(printable('grüße, 東京 🚀'), 'grüße, 東京 🚀');
});

test('spans, sizes and counts are read as people write them', () => {
  assert.deepEqual(
    ['60', '60s', '1h30m', '250ms', '1.5s'].map(t => readSpan(t, '--x')),
    [60_000, 60_000, 5_400_000, 250, 1500],
  );
  assert.deepEqual(
    ['4096', '16MiB', '512K', '1g', '7B'].map(t => readSize(t, '--x')),
    [4096, 16 << 20, 512 << 10, 1 << 30, 7],
  );
  assert.deepEqual(
    ['1000000', '1_000', '1,000'].map(t => readCount(t, '--x')),
    [1_000_000, 1000, 1000],
  );
  for (const bad of ['', 'x', '-1', '1 s', '1y', '0x10']) {
    assert.throws(() => readSpan(bad, '--x'), { code: 'USAGE' });
    assert.throws(() => readSize(bad, '--x'), { code: 'USAGE' });
    assert.throws(() => readCount(bad, '--x'), { code: 'USAGE' });
  }
});

test('rules list cuts no name on any terminal, and machines have ids', async () => {
  const listed = async (width: number | undefined, format: string): Promise<string[]> => {
    let out = '';
    const stdout = new Writable({ write: (part: Buffer, _, done) => done(void (out += part.toString())) });
    const context = { stdout, terminal: true, width, rulesFolder: '/nowhere' } as Context;
    await rulesListCommand.run({ args: [], options: { shipped: true, format } }, context);
    return out.split('\n');
  };
  const [head, ...rows] = (await listed(undefined, 'csv')).map(line => line.trim().split(','));
  assert.equal(head!.at(-1), 'id');
  const names = rows.map(row => row[0]!).filter(name => name !== '');
  for (const width of [60, 80, 120, 200]) {
    const lines = await listed(width, 'table');
    for (const name of names)
      assert.ok(
        lines.some(line => line.startsWith(`${name} `)),
        `${width}: ${name}`,
      );
    assert.ok(Math.max(...lines.map(line => line.length)) <= width);
  }
});
