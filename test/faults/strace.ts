import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPin } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/store.ts';
import type { Report } from '../../src/verify/finding.ts';
import { openToVerify } from '../../src/verify/opened.ts';
import { verify } from '../../src/verify/verify.ts';

/** Faults at system calls of the real binary, by strace(1): what it traces in one run, it disturbs in others. */
export const CALLS = ['openat', 'write', 'fsync', 'fdatasync', 'rename', 'link', 'unlink', 'mkdir'] as const;
export const FAULTS = ['error=EIO', 'error=ENOSPC', 'signal=SIGKILL'] as const;
export const ALL: boolean = process.env['SLMAUDIT_FAULTS'] === 'all';

export const canTrace: boolean =
  spawnSync('strace', ['-V']).status === 0 && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

/** The binary with some arguments, on a store and keys in a folder called `box`. */
export interface Traced {
  readonly args: readonly string[];
  readonly home: string;
}

export interface Case {
  readonly call: (typeof CALLS)[number];
  readonly nth: number;
  readonly fault: (typeof FAULTS)[number];
}

export interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** libuv on one thread and without io_uring, so that a call has the same number in every run. */
const ENV = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0', NO_COLOR: '1' };
const BINARY = join(process.cwd(), 'bin', 'slmaudit');

/** Every fault of an undisturbed run that ends with `code`: calls that touch the store or its keys. `out`: a file for the trace. */
export function casesOf(run: Traced, out: string, code: number): Case[] {
  const traced = spawnSync(
    'strace',
    ['-f', '-y', '-o', out, '-e', `trace=${CALLS.join(',')}`, process.execPath, BINARY, ...run.args],
    { env: envOf(run) },
  );
  assert.equal(traced.status, code, String(traced.stderr));
  const trace = readFileSync(out, 'utf8');
  // Where a file is only opened to be read, nothing is full, and a kill is one between two writes.
  return CALLS.flatMap(call =>
    [...numbersOf(trace, call)].flatMap(([nth, writes]) =>
      FAULTS.filter(fault => writes || fault === 'error=EIO').map((fault): Case => ({ call, nth, fault })),
    ),
  );
}

/** Numbers of the calls, as their thread counts them, and whether one of that number writes. */
function numbersOf(trace: string, call: string): Map<number, boolean> {
  const counts = new Map<string, number>();
  const numbers = new Map<number, boolean>();
  for (const line of trace.split('\n')) {
    const [, thread, name] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || name !== call) continue;
    const nth = (counts.get(thread) ?? 0) + 1;
    counts.set(thread, nth);
    if (/\/box\/(?:store|keys)\b/.test(line))
      numbers.set(nth, numbers.get(nth) === true || !line.includes('O_RDONLY'));
  }
  return numbers;
}

export const named = ({ call, nth, fault }: Case): string => `inject=${call}:${fault}:when=${nth}`;

export function disturbed(run: Traced, fault: Case): Promise<Ended> {
  const inject = ['-e', `trace=${fault.call}`, '-e', named(fault)];
  return started(
    ['strace', '-f', '-qq', '-o', '/dev/null', ...inject, process.execPath, BINARY, ...run.args],
    run,
  );
}

export const undisturbed = (run: Traced): Promise<Ended> =>
  started([process.execPath, BINARY, ...run.args], run);

const envOf = ({ home }: Traced): NodeJS.ProcessEnv => ({ ...process.env, HOME: home, ...ENV });

function started(command: readonly string[], run: Traced): Promise<Ended> {
  const child = spawn(command[0]!, command.slice(1), {
    env: envOf(run),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise(resolve => child.on('close', code => resolve({ code, stderr })));
}

/** What a disturbed run answered. */
export const outcomeOf = ({ code }: Ended): string =>
  code === null || code > 128 ? 'killed' : `exit ${code}`;

/** Nothing looks like tampering. `at`: the folder in which `box` is. */
export async function intact(at: string, when: string): Promise<Report> {
  const [store, keys] = [`${at}/box/store`, `${at}/box/keys`];
  const open = openToVerify(store, keys);
  assert.ok(!('code' in open), `${when}: ${JSON.stringify(open)}`);
  const pin = readPin(openStore(store, keys).keys)!;
  const report = await verify(open, { records: false, pin });
  assert.deepEqual(report.findings, [], when);
  return report;
}

/** Works off cases on both cores, all of them whatever the first ones show, and prints what came of them if they are all. */
export async function eachCase<C extends Case>(
  cases: readonly C[],
  one: (fault: C, name: string) => Promise<string>,
): Promise<void> {
  const outcomes = new Map<string, number>();
  const failures: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < cases.length; i = next++) {
      const { call, fault } = cases[i]!;
      const ended = await one(cases[i]!, `case-${i}`).catch((error: unknown) => {
        failures.push(error instanceof Error ? error.message : String(error));
        return 'not as it should';
      });
      const outcome = `${call} ${fault}: ${ended}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all([worker(), worker()]);
  if (ALL)
    for (const [outcome, n] of [...outcomes].sort(([a], [b]) => a.localeCompare(b)))
      process.stdout.write(`${String(n).padStart(4)} ${outcome}\n`);
  assert.deepEqual(failures, []);
}
