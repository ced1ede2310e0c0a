import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPin } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/store.ts';
import { openToVerify, verify } from '../../src/verify/verify.ts';
import { policyOf, putPolicy } from '../classes.ts';
import { sealedRows } from '../parquet.ts';
import { nativeLine, nativeLines, type Sandbox, withStore } from '../sandbox.ts';

/**
 * One fault at every system call with which an ingest writes, seals and commits: it fails with EIO or ENOSPC, or the
 * process is killed there. Afterwards nothing looks like tampering; the same ingest again, undisturbed, brings each
 * line into the log once. All of them with SLMAUDIT_FAULTS=all (npm run test:faults), a few otherwise. Needs strace.
 */
const CALLS = ['openat', 'write', 'fsync', 'fdatasync', 'rename', 'link', 'unlink', 'mkdir'] as const;
const FAULTS = ['error=EIO', 'error=ENOSPC', 'signal=SIGKILL'] as const;
const ALL = process.env['SLMAUDIT_FAULTS'] === 'all';
const FEW = 6;
const LINES = 60;

/** libuv on one thread and without io_uring, so that a call has the same number in every run. */
const ENV = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };
const BINARY = join(process.cwd(), 'bin', 'slmaudit');

interface Case {
  readonly call: (typeof CALLS)[number];
  readonly nth: number;
  readonly fault: (typeof FAULTS)[number];
}

/** Numbers of the calls, as their thread counts them, that touch the store or its keys. */
function numbersOf(trace: string, call: string): number[] {
  const counts = new Map<string, number>();
  const numbers = new Set<number>();
  for (const line of trace.split('\n')) {
    const [, thread, name] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || name !== call) continue;
    counts.set(thread, (counts.get(thread) ?? 0) + 1);
    if (/\/box\/(?:store|keys)\b/.test(line)) numbers.add(counts.get(thread)!);
  }
  return [...numbers].sort((a, b) => a - b);
}

class Bench {
  readonly #box: Sandbox;
  readonly #input: string;
  constructor(box: Sandbox) {
    this.#box = box;
    this.#input = box.path('in.ndjson');
    // Records of two classes, a reject, and more open segments than one: a fault can hit between two parts.
    const lines = Array.from({ length: LINES }, (_, n) => nativeLine(n, n % 2 ? { model: 'phi-4' } : {}));
    writeFileSync(this.#input, `${lines.join('')}no json\n`);
  }

  args(at: string): string[] {
    return [
      'ingest',
      '--seal-records',
      '40',
      '--store',
      `${at}/box/store`,
      '--keys',
      `${at}/box/keys`,
      this.#input,
    ];
  }

  trace(): string {
    const at = this.copy('base');
    const out = this.#box.path('trace');
    const run = spawnSync(
      'strace',
      ['-f', '-y', '-o', out, '-e', `trace=${CALLS.join(',')}`, process.execPath, BINARY, ...this.args(at)],
      {
        env: { ...process.env, ...ENV },
      },
    );
    assert.equal(run.status, 3, String(run.stderr));
    return readFileSync(out, 'utf8');
  }

  copy(name: string): string {
    const at = this.#box.path(name);
    cpSync(this.#box.store, `${at}/box/store`, { recursive: true });
    cpSync(this.#box.keys, `${at}/box/keys`, { recursive: true });
    return at;
  }

  /** What the disturbed run answered. */
  async one({ call, nth, fault }: Case, name: string): Promise<string> {
    const at = this.copy(name);
    const inject = `inject=${call}:${fault}:when=${nth}`;
    const disturbed = await started([
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      `trace=${call}`,
      '-e',
      inject,
      process.execPath,
      BINARY,
      ...this.args(at),
    ]);
    await intact(at, `after ${inject}: ${disturbed.stderr}`);
    const again = await started([process.execPath, BINARY, ...this.args(at)]);
    assert.ok(
      again.code === 3 || again.code === 0,
      `the run after ${inject} did not recover: ${again.stderr}`,
    );
    await intact(at, `the run after ${inject}`);
    const ids = (await sealedRows(`${at}/box/store`, ['request_id'])).map(row => String(row['request_id']));
    assert.equal(ids.length, LINES + 2, `${inject}: ${ids.length} records`);
    assert.equal(new Set(ids).size, LINES + 2, `${inject}: a record is there twice`);
    rmSync(at, { recursive: true });
    return disturbed.code === null || disturbed.code > 128 ? 'killed' : `exit ${disturbed.code}`;
  }
}

async function intact(at: string, when: string): Promise<void> {
  const [store, keys] = [`${at}/box/store`, `${at}/box/keys`];
  const open = openToVerify(store, keys);
  assert.ok(!('code' in open), `${when}: ${JSON.stringify(open)}`);
  const pin = readPin(openStore(store, keys).keys)!;
  const { findings } = await verify(open, { records: false, pin });
  assert.deepEqual(findings, [], when);
}

function started(command: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, ...ENV, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise(resolve => child.on('close', code => resolve({ code, stderr })));
}

const strace =
  spawnSync('strace', ['-V']).status === 0 && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

test(
  `a fault at every system call that writes (${ALL ? 'all' : `${FEW} of them`}): nothing lost, nothing doubled, no false verdict`,
  { skip: strace ? false : 'strace is not on this machine, or may not trace' },
  () =>
    withStore(async box => {
      assert.equal((await box.run(['ingest'], nativeLines(2, 5000))).code, 0);
      await putPolicy(box, policyOf(['phi', 'model', 'phi-*']));
      const bench = new Bench(box);
      const trace = bench.trace();
      const every = CALLS.flatMap(call =>
        numbersOf(trace, call).flatMap(nth => FAULTS.map((fault): Case => ({ call, nth, fault }))),
      );
      assert.ok(every.length > 100, `${every.length} faults`);
      const cases = ALL
        ? every
        : Array.from({ length: FEW }, () => every[Math.floor(Math.random() * every.length)]!);
      const outcomes = new Map<string, number>();
      let next = 0;
      const worker = async (): Promise<void> => {
        for (let i = next++; i < cases.length; i = next++) {
          const { call, fault } = cases[i]!;
          const outcome = `${call} ${fault}: ${await bench.one(cases[i]!, `case-${i}`)}`;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      };
      await Promise.all([worker(), worker()]);
      if (ALL)
        for (const [outcome, n] of [...outcomes].sort(([a], [b]) => a.localeCompare(b)))
          process.stdout.write(`${String(n).padStart(4)} ${outcome}\n`);
    }),
);
