import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, renameSync, watch, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { idsByClass, policyOf, putPolicy, segmentsOf } from '../classes.ts';
import { sealedRows } from '../parquet.ts';
import { nativeLine, type Sandbox, withStore } from '../sandbox.ts';

/**
 * kill -9 while a pipe and a file are read, sealed and committed. The oracle: a line that was acknowledged is in
 * the store exactly once, any other at most once, and nothing that is left looks like tampering. Records are of three
 * classes by a policy, so that each sealing makes three segments and a kill can hit between them.
 */
const PHASES = ['reading', 'sealing', 'committing', 'between parts'] as const;
const EACH = Number(process.env['SLMAUDIT_KILLS'] ?? 2);

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Resolves when the store is seen in that phase. */
async function reached(box: Sandbox, phase: (typeof PHASES)[number]): Promise<void> {
  if (phase === 'reading') return pause(250 + Math.random() * 500);
  const [folder, form, later] = {
    sealing: [`${box.store}/open`, /\.parquet$/, 60],
    committing: [`${box.keys}/test.example+log/staged`, /^\d+$/, 12],
    'between parts': [`${box.store}/log`, /^checkpoint$/, 2],
  }[phase] as [string, RegExp, number];
  const watcher = watch(folder);
  const seen = new Promise<void>(resolve => {
    watcher.on('change', (_, name) => {
      if (form.test(String(name))) resolve();
    });
  });
  // The phase may come only once what a killed writer left has been cleared up.
  await Promise.race([seen, pause(8000)]);
  watcher.close();
  await pause(Math.random() * later);
}

const MODELS = ['qwen3-4b', 'phi-4', 'smollm3'];
const line = (n: number): string => nativeLine(n, { model: MODELS[n % 3] });
const putClasses = (box: Sandbox): Promise<number> =>
  putPolicy(box, policyOf(['phi', 'model', 'phi-*'], ['tiny', 'model', 'smollm3']));

/** Each sealed record is in a segment of the class of its model. */
async function assertClasses(box: Sandbox): Promise<void> {
  const classes = ['default', 'phi', 'tiny'];
  for (const [name, ids] of Object.entries(await idsByClass(box)))
    assert.deepEqual(
      ids.filter(id => classes[Number(id.slice(2)) % 3] !== name),
      [],
      `records in class ${name} that are of another`,
    );
}

/** Open segments of which the log names some parts and not all: what the kill before has left. */
function unfinished(box: Sandbox): number {
  const parts = new Map<string, number>();
  for (const { batch, part } of segmentsOf(box))
    if (part) parts.set(batch, (parts.get(batch) ?? part.of) - 1);
  return [...parts.values()].filter(left => left > 0).length;
}

function acknowledged(output: string): number {
  const acks = [...output.matchAll(/"acknowledged":(\d+)/g)];
  return Number(acks.at(-1)?.[1] ?? 0);
}

async function settled(box: Sandbox): Promise<Map<string, number>> {
  const sealed = await box.run(['seal']);
  assert.equal(sealed.code, 0, sealed.stderr);
  const checked = await box.run(['verify', '--records', '--format', 'json']);
  const report = JSON.parse(checked.stdout) as { findings: unknown[]; pending: { kind: string }[] };
  assert.deepEqual([checked.code, report.findings], [0, []]);
  assert.deepEqual(
    report.pending.filter(p => p.kind !== 'temporary'),
    [],
  );
  const secrets = readdirSync(box.keys, { recursive: true, encoding: 'utf8' }).filter(n =>
    /epoch.*(tmp|key)/.test(n),
  );
  assert.equal(secrets.length, 1, `one epoch key, no copy of an erased one: ${secrets.join()}`);
  const counts = new Map<string, number>();
  for (const row of await sealedRows(box.store, ['request_id'])) {
    const id = String(row['request_id']);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

async function neverFalse(box: Sandbox): Promise<void> {
  const checked = await box.run(['verify', '--format', 'json']);
  assert.equal(checked.code, 0, `a crash looked like tampering: ${checked.stdout}`);
}

test(`a pipe: ${PHASES.length * EACH} kills, every acknowledged line is there once`, t =>
  withStore(async box => {
    await putClasses(box);
    const mustBe: string[] = [];
    let [sent, between] = [0, 0];
    for (const phase of PHASES.flatMap(p => Array.from({ length: EACH }, () => p))) {
      const first = sent;
      const { child, done, output } = box.start(['ingest', '--acks', '--seal-records', '25']);
      const feeding = new AbortController();
      const feed = (async () => {
        while (!feeding.signal.aborted) {
          child.stdin.write(line(sent++));
          if (sent % 5 === 0) await pause(4);
        }
      })();
      await reached(box, phase);
      child.kill('SIGKILL');
      feeding.abort();
      await Promise.all([feed, done]);
      between += unfinished(box);
      for (let n = 0; n < acknowledged(output()); n++) mustBe.push(`r-${first + n}`);
      if (Math.random() < 0.25) await neverFalse(box);
    }
    const counts = await settled(box);
    await assertClasses(box);
    t.diagnostic(`${between} kills between two parts`);
    assert.deepEqual(
      mustBe.filter(id => counts.get(id) !== 1),
      [],
      'acknowledged lines lost or doubled',
    );
    assert.deepEqual(
      [...counts].filter(([, n]) => n !== 1),
      [],
      'lines doubled',
    );
    assert.ok(mustBe.length > 0 && counts.size >= mustBe.length && counts.size <= sent);
  }));

test(`a file: ${PHASES.length * EACH} kills, then a run to the end: every line is there once`, t =>
  withStore(async box => {
    await putClasses(box);
    const file = box.path('access.ndjson');
    const total = 6000;
    writeFileSync(file, Array.from({ length: total }, (_, n) => line(n)).join(''));
    let [killed, between] = [0, 0];
    for (const phase of PHASES.flatMap(p => Array.from({ length: EACH }, () => p))) {
      const { child, done } = box.start(['ingest', '--seal-records', '120', file]);
      await Promise.race([reached(box, phase), done]);
      child.kill('SIGKILL');
      if ((await done).code === null) killed++;
      between += unfinished(box);
      if (Math.random() < 0.25) await neverFalse(box);
    }
    const last = await box.run(['ingest', file]);
    assert.equal(last.code, 0, last.stderr);
    const counts = await settled(box);
    assert.equal(counts.size, total);
    await assertClasses(box);
    t.diagnostic(`${between} kills between two parts`);
    assert.deepEqual(
      [...counts].filter(([, n]) => n !== 1),
      [],
      'lines doubled',
    );
    assert.ok(killed >= EACH, `${killed} of the runs were killed before their end`);
    const left = namesIn(`${box.store}/open`).filter(name => /\.(?:open|taken)$/.test(name));
    assert.deepEqual(left, []);
  }));

/** Streams at once, chunk by chunk, each with an end: `count` of them from `first` on. */
function streams(first: number, count: number): string {
  const each = Array.from({ length: count }, (_, i) => {
    const chunk = (choices: object[], rest: object = {}): string =>
      JSON.stringify({
        id: `r-${first + i}`,
        object: 'chat.completion.chunk',
        created: 1_777_593_607,
        model: 'qwen3-4b',
        choices,
        ...rest,
      });
    return [
      chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
      chunk([{ index: 0, delta: { content: `answer ${first + i}` }, finish_reason: null }]),
      chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
      chunk([], { usage: { prompt_tokens: 7, completion_tokens: 3 } }),
    ];
  });
  const turns = Array.from({ length: 4 }, (_, turn) => each.map(lines => `${lines[turn]}\n`).join(''));
  return turns.join('');
}

test(`a followed file, streams spread over its lines, rotations: ${EACH} kills, every stream is one record with its answer`, () =>
  withStore(async box => {
    const file = box.path('chunks.ndjson');
    writeFileSync(file, '');
    let written = 0;
    let rotations = 0;
    const args = ['ingest', '--follow', '--acks', '--seal-every', '1s', file];
    for (let kill = 0; kill < EACH; kill++) {
      const { child, done, output } = box.start(args);
      const until = performance.now() + 500 + Math.random() * 1500;
      let since = 0;
      while (performance.now() < until) {
        // Chunks of one stream may lie on both sides of a kill, not of a rotation: another file is another source.
        appendFileSync(file, streams(written, 5));
        written += 5;
        since++;
        if (since > 15 && acknowledged(output()) > 0 && Math.random() < 0.1) {
          renameSync(file, `${file}.${++rotations}`);
          writeFileSync(file, '');
          since = 0;
        }
        await pause(15);
      }
      child.kill('SIGKILL');
      await done;
    }
    const { child, done, output } = box.start(args);
    for (let before = -1; acknowledged(output()) !== before;) {
      before = acknowledged(output());
      await pause(4000);
    }
    child.kill('SIGTERM');
    const { code, stderr } = await done;
    assert.equal(code, 0, stderr);
    const counts = await settled(box);
    assert.deepEqual(
      [...counts].filter(([, n]) => n !== 1),
      [],
      'streams doubled',
    );
    assert.equal(counts.size, written, `${rotations} rotations`);
    const rows = await sealedRows(box.store, ['completion_hash', 'input_tokens']);
    assert.ok(rows.every(row => row['completion_hash'] !== null && row['input_tokens'] !== null));
    assert.equal(new Set(rows.map(row => String(row['completion_hash']))).size, written);
  }));
