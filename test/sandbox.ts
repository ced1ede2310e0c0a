import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { init } from '../src/init/init.ts';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const BINARY = join(process.cwd(), 'bin', 'slmaudit');

/** A folder of its own with a store and keys, and the real binary to use them with. */
export class Sandbox {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'slmaudit-test-'));
  readonly store: string = join(this.folder, 'store');
  readonly keys: string = join(this.folder, 'keys');
  readonly #running = new Set<ChildProcessWithoutNullStreams>();

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  get env(): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      HOME: this.folder,
      SLMAUDIT_STORE: this.store,
      SLMAUDIT_KEYS: this.keys,
      NO_COLOR: '1',
    };
  }

  start(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly uid?: number } = {},
  ): Started {
    const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [BINARY, ...args], {
      cwd: options.cwd ?? this.folder,
      env: { ...this.env, ...options.env },
      ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    this.#running.add(child);
    child.on('close', () => this.#running.delete(child));
    const done = new Promise<Run>(resolve => child.on('close', code => resolve({ code, stdout, stderr })));
    const heard = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void =>
          reject(new Error(`${why} without ${text}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`));
        const late = setTimeout(() => fail('a minute has gone'), 60_000);
        const look = (): void => {
          if (!stdout.includes(text)) return;
          clearTimeout(late);
          resolve();
        };
        child.stdout.on('data', look);
        child.on('close', code => {
          clearTimeout(late);
          fail(`it ended (${code})`);
        });
        look();
      });
    return { child, done, output: () => stdout, heard };
  }

  run(args: readonly string[], input?: string | Buffer, env: NodeJS.ProcessEnv = {}): Promise<Run> {
    const { child, done } = this.start(args, { env });
    child.stdin.end(input);
    return done;
  }

  /** Every file of the store, relative to it. */
  files(): string[] {
    return readdirSync(this.store, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(this.store.length + 1))
      .sort();
  }

  /** Ends what a failed test has left running, and removes the folder. */
  remove(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly done: Promise<Run>;
  readonly output: () => string;
  /** Once that stands on its standard output; fails where it ends without, or doesn't come in a minute. */
  readonly heard: (text: string) => Promise<void>;
}

/** A sandbox with a store in it, gone when the work is done. */
export async function withStore<T>(work: (box: Sandbox) => Promise<T>): Promise<T> {
  const box = new Sandbox();
  try {
    init({ store: box.store, keys: box.keys, recovery: false, origin: 'test.example/log' });
    return await work(box);
  } finally {
    box.remove();
  }
}

/** `count` native lines from `first` on, each told apart by its request id. */
export function nativeLines(count: number, first = 0): string {
  return Array.from({ length: count }, (_, i) => nativeLine(first + i)).join('');
}

/** `more`: members beside those that every line has, or instead of them. */
export function nativeLine(n: number, more: object = {}): string {
  const ts = new Date(Date.UTC(2026, 4, 1) + n * 1013).toISOString();
  const members = {
    ts,
    request_id: `r-${n}`,
    user_id: `u-${n % 7}`,
    model: 'qwen3-4b',
    status: 'ok',
    output_tokens: n % 900,
    ...more,
  };
  return `${JSON.stringify(members)}\n`;
}
