import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseProof } from '../../src/log/proof.ts';
import { parseEntry } from '../../src/log/entry.ts';
import { parseNote } from '../../src/note/note.ts';
import { readCheckpoint, readEntries } from '../../src/store/log.ts';
import { formatVkey } from '../../src/note/key.ts';
import { nativeLines, type Sandbox, withStore } from '../sandbox.ts';

/**
 * `npm run interop`: what tools that know nothing of slmaudit say of a store it wrote, and of the same store tampered
 * with. Go's sumdb/note and sumdb/tlog (main.go), Tessera's fsck, torchwood's spicy; go.mod names the versions.
 */
const FOLDER = join(process.cwd(), 'test', 'interop');
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slmaudit-interop');
const TOOLS = {
  interop: '.',
  fsck: 'github.com/transparency-dev/tessera/cmd/fsck',
  spicy: 'filippo.io/torchwood/cmd/spicy',
} as const;

/** Why the tools can't be had, if they can't. */
function build(): string | false {
  if (spawnSync('go', ['version']).status !== 0) return 'go is not on this machine';
  mkdirSync(CACHE, { recursive: true });
  for (const [name, path] of Object.entries(TOOLS)) {
    const made = spawnSync('go', ['build', '-o', join(CACHE, name), path], { cwd: FOLDER, encoding: 'utf8' });
    if (made.status !== 0)
      return `go could not build ${path}: ${made.stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  return false;
}

interface Said {
  readonly good: boolean;
  readonly output: string;
}

function run(tool: keyof typeof TOOLS, args: readonly string[], good?: RegExp): Said {
  const done = spawnSync(join(CACHE, tool), args, { encoding: 'utf8', timeout: 15_000 });
  const silent = done.signal === null ? '' : 'no answer within 15 s';
  const output = `${done.stdout}${done.stderr}${silent}`.trim();
  return { good: done.status === 0 && (good?.test(output) ?? true), output };
}

/** Tessera's fsck answers 0 whatever it finds: its own words count. */
function fsck(store: string, vkey: string): Said {
  const key = join(CACHE, 'log.vkey');
  writeFileSync(key, vkey);
  const args = ['--ui=false', `--storage_url=file://${store}/log/`, `--public_key=${key}`];
  const said = run('fsck', args, /Successfully fsck'd log/);
  return { good: said.good && !/fsck failed/.test(said.output), output: said.output };
}

/** spicy reads the body of a tlog-proof without its header and extra line, from a file beside the data. */
function spicy(vkey: string, data: Uint8Array | string, proof: string): Said {
  const file = join(CACHE, 'data');
  writeFileSync(file, data);
  writeFileSync(`${file}.spicy`, proof.replace(/^c2sp\.org\/tlog-proof@v1\n(?:extra .*\n)?/, ''));
  return run('spicy', ['-verify', vkey, file]);
}

function tell(what: string, { good, output }: Said): void {
  const lines = output
    .split('\n')
    .map(line => line.replace(/^[IE]\d{4} \S+ +\d+ /, '').replaceAll(CACHE, ''));
  process.stdout.write(
    `${good ? 'accepts' : 'REFUSES'}  ${what}\n${lines.map(l => `         ${l}`).join('\n')}\n`,
  );
}

async function filled(box: Sandbox): Promise<string> {
  writeFileSync(box.path('a.ndjson'), nativeLines(270));
  const made = await box.run(['ingest', '--seal-records', '1', box.path('a.ndjson')]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await box.run(['ingest'], `no json\n${nativeLines(9, 1000)}`)).code, 3);
  assert.equal((await box.run(['key', 'rotate'])).code, 0);
  return (JSON.parse((await box.run(['status', '--format', 'json'])).stdout) as { pin: string }).pin;
}

function changed(path: string, edit: (bytes: Buffer) => Buffer): void {
  const bytes = edit(readFileSync(path));
  rmSync(path);
  writeFileSync(path, bytes);
}
const flipped = (bytes: Buffer): Buffer => {
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
};

test(
  'tools of others accept a store that slmaudit wrote, and refuse it tampered with',
  { skip: build() },
  () =>
    withStore(async box => {
      const pin = await filled(box);
      const vkey = pin.split('@')[0]!;
      const at = { store: box.store };
      const size = readCheckpoint(at).size;
      for (const [what, said] of [
        ['sumdb/note and sumdb/tlog', run('interop', [box.store, pin])],
        ['Tessera fsck', fsck(box.store, vkey)],
      ] as const) {
        tell(what, said);
        assert.ok(said.good, said.output);
      }

      const proved = JSON.parse((await box.run(['prove', '275', '--json'])).stdout) as {
        line: string;
        proof: string;
        entry: number;
      };
      const inner = parseProof(parseProof(proved.proof).extra!.toString('utf8'));
      const [before] = readEntries(at, proved.entry - 1, proved.entry);
      const epoch = formatVkey(parseEntry(parseNote(before!).text).next!);
      const innerText = parseProof(proved.proof).extra!.toString('utf8');
      for (const [what, said, good] of [
        ['spicy: the record in its manifest', spicy(epoch, proved.line, innerText), true],
        ['spicy: the manifest in the log', spicy(vkey, inner.checkpoint, proved.proof), true],
        ['spicy: a changed record', spicy(epoch, proved.line.replace('qwen3', 'qwen2'), innerText), false],
        [
          'spicy: a changed manifest',
          spicy(vkey, inner.checkpoint.replace('lines pipe 10', 'lines pipe 11'), proved.proof),
          false,
        ],
      ] as const) {
        tell(what, said);
        assert.equal(said.good, good, said.output);
      }

      const bundle = (folder: string): string => {
        const partial = join(folder, 'log/tile/entries/001.p');
        return join(partial, readdirSync(partial)[0]!);
      };
      for (const [what, spoil] of [
        ['a bit of an entry flipped', (f: string) => changed(bundle(f), flipped)],
        ['a bit of a full bundle flipped', (f: string) => changed(join(f, 'log/tile/entries/000'), flipped)],
        ['a bit of a tile flipped', (f: string) => changed(join(f, 'log/tile/0/000'), flipped)],
        ['a full bundle missing', (f: string) => rmSync(join(f, 'log/tile/entries/000'))],
        [
          'another size in the checkpoint',
          (f: string) =>
            changed(join(f, 'log/checkpoint'), b =>
              Buffer.from(b.toString().replace(`\n${size}\n`, `\n${size - 1}\n`)),
            ),
        ],
        [
          'an entry edited, tiles as they were',
          (f: string) =>
            changed(bundle(f), b =>
              Buffer.from(b.toString('latin1').replace('lines pipe 10', 'lines pipe 11'), 'latin1'),
            ),
        ],
      ] as const) {
        const folder = box.path('spoiled');
        cpSync(box.store, folder, { recursive: true });
        spoil(folder);
        const [go, tessera] = [run('interop', [folder, pin]), fsck(folder, vkey)];
        tell(`sumdb: ${what}`, go);
        tell(`fsck: ${what}`, {
          ...tessera,
          output: tessera.output
            .split('\n')
            .filter(l => /failed|Successfully|no answer/.test(l))
            .join('\n'),
        });
        // Tiles are Tessera's business: the Go libraries make the tree from the entries.
        assert.ok(!tessera.good, what);
        if (!what.includes('tile flipped')) assert.ok(!go.good, what);
        const own = await box.run(['verify', '--pin', pin, '--store', folder, '--format', 'json']);
        assert.equal(own.code, 1, `verify: ${what}`);
        rmSync(folder, { recursive: true });
      }
    }),
);
