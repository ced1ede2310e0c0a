import assert from 'node:assert/strict';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { policyOf, putPolicy } from '../classes.ts';
import { sealedRows } from '../parquet.ts';
import { nativeLine, nativeLines, type Sandbox, withStore } from '../sandbox.ts';
import {
  ALL,
  canTrace,
  type Case,
  casesOf,
  disturbed,
  eachCase,
  intact,
  named,
  outcomeOf,
  type Traced,
  undisturbed,
} from './strace.ts';

/**
 * One fault at every system call with which an ingest writes, seals and commits: it fails with EIO or ENOSPC, or the
 * process is killed there. Afterwards nothing looks like tampering; the same ingest again, undisturbed, brings each
 * line into the log once. All of them with SLMAUDIT_FAULTS=all (npm run test:faults), a few otherwise. Needs strace.
 */
const FEW = 6;
const LINES = 60;

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

  run(at: string): Traced {
    const places = ['--store', `${at}/box/store`, '--keys', `${at}/box/keys`];
    return { args: ['ingest', '--seal-records', '40', ...places, this.#input], home: at };
  }

  copy(name: string): string {
    const at = this.#box.path(name);
    cpSync(this.#box.store, `${at}/box/store`, { recursive: true });
    cpSync(this.#box.keys, `${at}/box/keys`, { recursive: true });
    return at;
  }

  cases(): Case[] {
    return casesOf(this.run(this.copy('base')), this.#box.path('trace'), 3);
  }

  /** What the disturbed run answered. */
  async one(fault: Case, name: string): Promise<string> {
    const at = this.copy(name);
    const ended = await disturbed(this.run(at), fault);
    await intact(at, `after ${named(fault)}: ${ended.stderr}`);
    const again = await undisturbed(this.run(at));
    assert.ok(
      again.code === 3 || again.code === 0,
      `the run after ${named(fault)} did not recover: ${again.stderr}`,
    );
    await intact(at, `the run after ${named(fault)}`);
    const ids = (await sealedRows(`${at}/box/store`, ['request_id'])).map(row => String(row['request_id']));
    assert.equal(ids.length, LINES + 2, `${named(fault)}: ${ids.length} records`);
    assert.equal(new Set(ids).size, LINES + 2, `${named(fault)}: a record is there twice`);
    rmSync(at, { recursive: true });
    return outcomeOf(ended);
  }
}

test(
  `a fault at every system call that writes (${ALL ? 'all' : `${FEW} of them`}): nothing lost, nothing doubled, no false verdict`,
  { skip: canTrace ? false : 'strace is not on this machine, or may not trace' },
  () =>
    withStore(async box => {
      assert.equal((await box.run(['ingest'], nativeLines(2, 5000))).code, 0);
      await putPolicy(box, policyOf(['phi', 'model', 'phi-*']));
      const bench = new Bench(box);
      const every = bench.cases();
      assert.ok(every.length > 100, `${every.length} faults`);
      const cases = ALL
        ? every
        : Array.from({ length: FEW }, () => every[Math.floor(Math.random() * every.length)]!);
      await eachCase(cases, (fault, name) => bench.one(fault, name));
    }),
);
