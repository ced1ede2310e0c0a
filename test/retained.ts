import { rmSync } from 'node:fs';
import { holdLines } from '../src/log/hold.ts';
import { KEEP_ALL, policyLines } from '../src/log/policy.ts';
import { pruneLines } from '../src/log/restate.ts';
import { appendEvent } from '../src/seal/append.ts';
import { instantOf } from '../src/store/clock.ts';
import { readHistory } from '../src/store/history.ts';
import { payloadPath } from '../src/store/layout.ts';
import { openStore } from '../src/store/store.ts';
import { nativeLines, Sandbox } from './sandbox.ts';

const DAY = 86_400_000;

/** The binary under a clock that is so many days behind. */
export const ago = (days: number): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()-${days * DAY}`,
});

/**
 * A store that is sixty days old: 200 records on each of the first three days of May 2026, a segment a day; one rejected line. By a
 * policy of thirty days the first segment was pruned; the second is under a hold.
 */
export async function retained(): Promise<Sandbox> {
  const box = new Sandbox();
  await ran(box, ['init', '--no-recovery', '--origin', 'test.example/log'], '', 0);
  // A hundred thousand lines of nativeLines() are 28 hours.
  for (const first of [0, 100_000, 200_000]) await ran(box, ['ingest'], nativeLines(200, first), 0);
  await ran(box, ['ingest'], 'no json\n', 3);
  const store = openStore(box.store, box.keys);
  const append = (
    days: number,
    kind: string,
    lines: Parameters<typeof event>[1],
  ): Promise<number | undefined> =>
    appendEvent(store, { lockWaitMs: 0, now: Date.now() - days * DAY }, () => event(kind, lines));
  const policy = await append(
    50,
    'policy',
    policyLines({
      ...KEEP_ALL,
      presets: [{ name: 'pci-dss', date: '2026-01-01' }],
      classes: [{ name: 'default', min: 30, max: 40, age: 'sealed', basis: ['test:1'] }],
      retroactive: true,
    }),
  );
  await append(40, 'hold', holdLines({ id: 'c0ffee01', reason: 'case-7', by: 'legal', segments: [[1, 1]] }));
  const cutoff = instantOf(Date.now() - 31 * DAY);
  await append(
    1,
    'prune',
    pruneLines({
      policy: policy!,
      reason: 'age',
      pruned: [{ class: 'default', cutoff, segments: [[0, 0]] }],
      files: [],
    }),
  );
  const [first] = readHistory(store.at).segments;
  rmSync(payloadPath(store.at, 0, first!.at));
  return box;
}

const event = (kind: string, lines: ReturnType<typeof holdLines>): { kind: string; lines: typeof lines } => ({
  kind,
  lines,
});

async function ran(box: Sandbox, args: readonly string[], input: string, code: number): Promise<void> {
  const run = await box.run(args, input, ago(60));
  if (run.code !== code) throw new Error(run.stderr);
}
