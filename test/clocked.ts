import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ingest } from '../src/ingest/ingest.ts';
import { init } from '../src/init/init.ts';
import { type Hold, holdLines, type Release, releaseLines } from '../src/log/hold.ts';
import { KEEP_ALL, type Policy, policyLines } from '../src/log/policy.ts';
import { appendEvent, type Event } from '../src/seal/append.ts';
import { readHistory, type History } from '../src/store/history.ts';
import { openStore, type Store } from '../src/store/store.ts';
import type { Report } from '../src/verify/finding.ts';
import { verify } from '../src/verify/verify.ts';
import { PLAIN_INGEST } from '../fixtures/plain-ingest.ts';
import { nativeLine } from './sandbox.ts';

const DAY = 86_400_000;

/** A store in this process, whose clock is handed in: years pass in seconds. */
export class Clocked {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'slmaudit-clocked-'));
  readonly store: Store;
  now: number;
  #lines = 0;
  readonly #real = Date.now;

  constructor(from = '2026-01-01T12:00:00Z') {
    this.now = Date.parse(from);
    Date.now = () => this.now;
    const paths = { store: join(this.folder, 'store'), keys: join(this.folder, 'keys') };
    init({ ...paths, recovery: false, origin: 'clocked.example/log' });
    this.store = openStore(paths.store, paths.keys);
  }

  get at(): { readonly lockWaitMs: number; readonly now: number; readonly dryRun: false } {
    return { lockWaitMs: 0, now: this.now, dryRun: false };
  }

  pass(days: number): void {
    this.now += days * DAY;
  }

  /** Seals so many records of now in one segment; `more` replaces members. */
  async seal(records: number, more: object = {}): Promise<void> {
    const lines = Array.from({ length: records }, () => {
      const line = JSON.parse(nativeLine(this.#lines++)) as object;
      return `${JSON.stringify({ ...line, ts: new Date(this.now - 1000).toISOString(), ...more })}\n`;
    });
    await this.sealText(lines.join(''));
  }

  async sealText(text: string): Promise<void> {
    const stream = Readable.from([Buffer.from(text)]);
    await ingest(this.store, [{ kind: 'pipe', stream, name: 'gateway' }], PLAIN_INGEST);
  }

  async append(event: Event): Promise<number> {
    return (await appendEvent(this.store, this.at, () => event))!;
  }

  policy(policy: Partial<Policy>): Promise<number> {
    return this.append({ kind: 'policy', lines: policyLines({ ...KEEP_ALL, ...policy }) });
  }

  /** One class, in days. */
  days(min: number, max: number, more: Partial<Policy> = {}): Promise<number> {
    return this.policy({ classes: [{ name: 'default', min, max, age: 'sealed', basis: [] }], ...more });
  }

  hold(hold: Partial<Hold>): Promise<number> {
    const whole = { id: '0000000a', reason: 'case-1', by: 'legal', segments: [], ...hold };
    return this.append({ kind: 'hold', lines: holdLines(whole) });
  }

  release(release: Partial<Release> = {}): Promise<number> {
    const whole = { id: '0000000a', reason: 'closed', by: 'legal', ...release };
    return this.append({ kind: 'release', lines: releaseLines(whole) });
  }

  history(): History {
    return readHistory(this.store.at);
  }

  verify(records = true): Promise<Report> {
    return verify(this.store, { records });
  }

  /** Codes of findings. */
  async findings(): Promise<string[]> {
    return (await this.verify()).findings.map(f => f.code);
  }

  /** Names of files under a folder of the store, in order. */
  files(folder: 'records' | 'quarantine' | 'open'): string[] {
    return readdirSync(join(this.store.at.store, folder), { recursive: true, withFileTypes: true })
      .filter(e => e.isFile())
      .map(e => join(e.parentPath, e.name).slice(join(this.store.at.store, folder).length + 1))
      .toSorted();
  }

  remove(): void {
    Date.now = this.#real;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function withClock(work: (log: Clocked) => Promise<void>): Promise<void> {
  const log = new Clocked();
  try {
    await work(log);
  } finally {
    log.remove();
  }
}
