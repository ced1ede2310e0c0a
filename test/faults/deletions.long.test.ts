import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compact } from '../../src/compact/compact.ts';
import { Clocked } from '../clocked.ts';
import { sealedRows } from '../parquet.ts';
import {
  ALL,
  canTrace,
  type Case,
  casesOf,
  disturbed,
  eachCase,
  FAULTS,
  intact,
  named,
  outcomeOf,
  type Traced,
  undisturbed,
} from './strace.ts';

/**
 * One fault at every system call with which prune, compact and redact write: it fails, or the process is killed there.
 * Afterwards nothing looks like tampering; the same command again goes on by itself: what should stay is there once, what should go is
 * gone, and no file is left over. All of them with SLMAUDIT_FAULTS=all (npm run test:faults), a few otherwise.
 */
const DAY = 86_400_000;
const COMMANDS = ['prune', 'compact', 'redact'] as const;
type Command = (typeof COMMANDS)[number];

const ARGS: Readonly<Record<Command, readonly string[]>> = {
  prune: ['prune'],
  compact: ['compact'],
  redact: ['redact', '--user', 'ana-maria', '--reason', 'erasure-request', '--yes'],
};

/** Files of records behind it; rejected lines of how many segments; records that are kept, redacted. */
const BEHIND: Readonly<Record<Command, readonly [number, number, number, number]>> = {
  // Segment 1, which is held; the two days that were joined; yesterday.
  prune: [4, 1, 2 + 8 + 1, 0],
  compact: [4, 2, 8 + 8 + 1, 0],
  redact: [6, 1, 8 + 8 + 1 - 2, 2],
};

/**
 * Of a hundred days, by the real clock: four segments of the first day in one file, the second of them under a hold; two small ones
 * on each of two days three weeks ago; one of yesterday. Policy: 10 to 30 days. A user of the first and of a later day asked to be forgotten.
 */
async function prepared(folder: string): Promise<void> {
  const log = new Clocked(new Date(Date.now() - 100 * DAY).toISOString());
  try {
    const hers = { user_id: 'ana-maria' };
    const line = (more: object): string =>
      `${JSON.stringify({ ts: new Date(log.now - 1000).toISOString(), request_id: `x-${log.now}`, ...more })}\n`;
    await log.days(10, 30);
    await log.sealText(`${line(hers)}${line({})}broken, ana-maria\n`);
    for (let n = 0; n < 3; n++) await log.seal(2);
    log.pass(1);
    await compact(log.store, log.at);
    await log.hold({ segments: [[1, 1]] });
    log.pass(78);
    await log.sealText(`${line(hers)}${line({})}broken\n`);
    await log.seal(2);
    log.pass(1);
    for (let n = 0; n < 2; n++) await log.seal(2);
    log.pass(19);
    await log.seal(1);
    cpSync(log.folder, folder, { recursive: true });
  } finally {
    log.remove();
  }
}

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(e => e.isFile())
    .map(e => join(e.parentPath, e.name));

class Bench {
  readonly #folder: string;
  constructor(folder: string) {
    this.#folder = folder;
  }

  run(command: Command, at: string): Traced {
    const places = ['--store', `${at}/box/store`, '--keys', `${at}/box/keys`];
    return { args: [...ARGS[command], ...places], home: at };
  }

  copy(name: string): string {
    const at = join(this.#folder, name);
    cpSync(join(this.#folder, 'whole'), join(at, 'box'), { recursive: true });
    return at;
  }

  async cases(command: Command): Promise<(Case & { readonly command: Command })[]> {
    const at = this.copy(command);
    const cases = casesOf(this.run(command, at), join(this.#folder, 'trace'), 0);
    await this.#settled(command, at, 'undisturbed');
    return cases.map(fault => ({ ...fault, command }));
  }

  /** What the disturbed run answered. */
  async one(fault: Case & { readonly command: Command }, name: string): Promise<string> {
    const { command } = fault;
    const at = this.copy(name);
    const when = `${command}, ${named(fault)}`;
    const ended = await disturbed(this.run(command, at), fault);
    // Node's own answer is 1 where it could not even begin.
    const isAlarm = ended.code === 1 && ended.stderr.includes('slmaudit:');
    assert.ok(!isAlarm, `${when}: altered, it says: ${ended.stderr}`);
    await intact(at, `after ${when}: ${ended.stderr}`);
    // A minute later: what is younger could be another writer's.
    const then = new Date(Date.now() - 120_000);
    for (const path of filesUnder(`${at}/box/store`)) utimesSync(path, then, then);
    const again = await undisturbed(this.run(command, at));
    assert.equal(again.code, 0, `the run after ${when} did not go on: ${again.stderr}`);
    await this.#settled(command, at, `the run after ${when}`);
    rmSync(at, { recursive: true });
    return `${command} ${outcomeOf(ended)}`;
  }

  async #settled(command: Command, at: string, when: string): Promise<void> {
    const store = `${at}/box/store`;
    const { pending, checked } = await intact(at, when);
    assert.deepEqual(pending, [], when);
    const [files, rejected, kept, redacted] = BEHIND[command];
    const rows = await sealedRows(store, ['request_id', 'redacted_leaf']);
    const ids = rows.filter(r => r['redacted_leaf'] === null).map(r => r['request_id']);
    const found = filesUnder(join(store, 'records')).length;
    assert.deepEqual(
      [found, filesUnder(join(store, 'quarantine')).length, ids.length, rows.length - ids.length],
      [files, rejected, kept, redacted],
      when,
    );
    assert.deepEqual([checked.records - redacted, checked.redacted], [kept, redacted], when);
    const open = filesUnder(join(store, 'open'));
    assert.deepEqual(open, [], when);
    if (command === 'redact')
      for (const path of filesUnder(store)) assert.ok(!readFileSync(path).includes('ana-maria'), path);
  }
}

test(
  `a fault at every system call of prune, compact and redact (${ALL ? 'all' : 'two of each'}): nothing lost, nothing left, no false verdict`,
  { skip: canTrace ? false : 'strace is not on this machine, or may not trace' },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slmaudit-test-'));
    try {
      await prepared(join(folder, 'whole'));
      const bench = new Bench(folder);
      const cases: (Case & { readonly command: Command })[] = [];
      // A prune joins files too, as compact does.
      for (const command of ALL ? COMMANDS : (['prune', 'redact'] as const)) {
        const every = await bench.cases(command);
        assert.ok(every.length > 100, `${command}: ${every.length} faults`);
        // kill -9, and an error.
        const [kill, error] = [
          every.filter(c => c.fault === FAULTS[2]),
          every.filter(c => c.fault !== FAULTS[2]),
        ];
        const some = [kill, error].map(of => of[Math.floor(Math.random() * of.length)]!);
        cases.push(...(ALL ? every : some));
      }
      await eachCase(cases, (fault, name) => bench.one(fault, name));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
