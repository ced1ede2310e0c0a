import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { State } from '../../src/detect/state.ts';
import { at, madeEpisode } from './episodes.ts';
import { madeRule } from './rule.ts';

const root = mkdtempSync(join(tmpdir(), 'slmaudit-state-'));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const fresh = (): string => join(root, String(folders++));
const fileOf = (folder: string): string =>
  join(
    folder,
    readdirSync(folder).find(name => !name.endsWith('.lock'))!,
  );

/** Opens the state as a run does, and closes it. */
async function run<T>(folder: string, work: (state: State) => T): Promise<T> {
  const state = await State.open(folder, 'test.example/log');
  try {
    return work(state);
  } finally {
    state.close();
  }
}

const compiled = madeRule({ hits: '', episode: 600 });
const found = (
  who: string,
  from: number,
  to: number,
  id: string,
  hits = 1,
): Parameters<State['known']>[0] => ({
  compiled,
  entity: [who],
  firstHit: at(from),
  to: at(to),
  id,
  hits,
});
const eventOf = ({ id }: { id: string }): string => `{"id":"${id}"}`;

test('an episode that was shown is known in the next run, also where it has grown or begins elsewhere', async () => {
  const folder = fresh();
  await run(folder, state => state.shown([madeEpisode('ana', 10, 20)]));
  await run(folder, state => {
    assert.equal(state.known(found('ana', 10, 45, 'ana-10'))?.shown, true);
    assert.equal(state.known(found('ana', 14, 50, 'other'))?.id, 'ana-10');
    // It went on to 50, and ten minutes are one episode.
    assert.equal(state.known(found('ana', 60, 60, 'another'))?.id, 'ana-10');
    assert.equal(state.known(found('ana', 71, 71, 'new')), undefined);
    assert.equal(state.known(found('bo', 10, 20, 'bo-10')), undefined);
    assert.equal(state.known(found('ana', 1, 9, 'before')), undefined);
    state.tidy(undefined);
  });
  assert.equal(await run(folder, state => state.known(found('ana', 60, 60, 'x'))?.id), 'ana-10');
  assert.equal(statSync(fileOf(folder)).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test('what was promised waits until it is accepted, for each target, and is never promised again', async () => {
  const folder = fresh();
  const [one, two] = [madeEpisode('ana', 1), madeEpisode('bo', 2)];
  await run(folder, state => {
    state.promise('t1', [one, two], eventOf);
    state.promise('t2', [one], eventOf);
  });
  await run(folder, state => {
    state.promise('t1', [one], () => assert.fail());
    assert.deepEqual(state.waiting('t1'), [
      ['ana-1', '{"id":"ana-1"}'],
      ['bo-2', '{"id":"bo-2"}'],
    ]);
    assert.equal(state.known(found('ana', 1, 1, 'ana-1'))?.shown, false);
    state.accepted('t1', 'ana-1');
  });
  await run(folder, state => {
    state.promise('t1', [one], () => assert.fail());
    assert.deepEqual(
      ['t1', 't2', 't3'].map(t => state.waiting(t).map(([id]) => id)),
      [['bo-2'], ['ana-1'], []],
    );
    assert.deepEqual([state.waitingElsewhere(['t1']), state.waitingElsewhere(['t1', 't2'])], [1, 0]);
    state.tidy(undefined);
  });
  await run(folder, state => state.promise('t1', [one], () => assert.fail()));
});

test('episodes that the store can not bring forth any more are forgotten; what waits is not', async () => {
  const folder = fresh();
  await run(folder, state => {
    state.shown([madeEpisode('ana', 1, 5), madeEpisode('bo', 100)]);
    state.promise('t', [madeEpisode('ana', 1, 5)], eventOf);
    state.tidy(at(50));
  });
  await run(folder, state => {
    assert.equal(state.known(found('ana', 1, 5, 'ana-1')), undefined);
    assert.equal(state.known(found('bo', 100, 100, 'bo-100'))?.shown, true);
    assert.equal(state.waiting('t').length, 1);
  });
});

test('the end of a line that a kill has cut is as if it had not been written', async () => {
  const folder = fresh();
  await run(folder, state => state.promise('t', [madeEpisode('ana', 1)], eventOf));
  appendFileSync(fileOf(folder), '0123abcd {"accepted":{"tar');
  await run(folder, state => {
    assert.equal(state.damage, undefined);
    assert.equal(state.waiting('t').length, 1);
    state.accepted('t', 'ana-1');
  });
  await run(folder, state => {
    assert.equal(state.damage, undefined);
    assert.deepEqual(state.waiting('t'), []);
  });
});

test('a damaged state says so, once, and alerts come twice rather than never', async () => {
  const folder = fresh();
  const [one, two] = [madeEpisode('ana', 1), madeEpisode('bo', 2)];
  await run(folder, state => {
    state.shown([one, two]);
    state.promise('t', [one, two], eventOf);
    state.accepted('t', 'ana-1');
  });
  const bytes = readFileSync(fileOf(folder));
  bytes[bytes.indexOf('"bo-2"')]! ^= 1;
  writeFileSync(fileOf(folder), bytes);
  await run(folder, state => {
    assert.match(state.damage!, /not known any more: line 3 of .* is damaged. Alerts may come twice/);
    assert.equal(state.known(found('ana', 1, 1, 'ana-1'))?.shown, false);
    state.promise('t', [one], eventOf);
    assert.deepEqual(
      state
        .waiting('t')
        .map(([id]) => id)
        .sort(),
      ['ana-1', 'bo-2'],
    );
  });
  assert.equal(await run(folder, state => state.damage), undefined);
});

test('one run at a time; a state of a newer program is left alone', async () => {
  const folder = fresh();
  const state = await State.open(folder, 'test.example/log');
  await assert.rejects(State.open(folder, 'test.example/log'), { code: 'LOCKED', exit: 75 });
  (await State.open(folder, 'test.example/other')).close();
  state.close();
  const newer = fresh();
  await run(newer, () => undefined);
  const { Journal } = await import('../../src/detect/journal.ts');
  new Journal(fileOf(newer)).replace([{ form: 'slmaudit-detect/2' }]);
  await assert.rejects(State.open(newer, 'test.example/log'), { code: 'STATE_NEWER' });
  await assert.rejects(State.open(newer, 'test.example/log'), { code: 'STATE_NEWER' });
});

test('an episode is told again, under another id, each time that it has grown tenfold since it was told, of a hundred hits at least', async () => {
  const folder = fresh();
  const grown = (hits: number): ReturnType<State['known']> =>
    state.known(found('ana', 10, 20, 'ana-10', hits));
  const send = (hits: number): void => {
    const known = grown(hits)!;
    const episode = { ...madeEpisode('ana', 10, 20), hits, ...(known.again && { again: known.again }) };
    state.promise('t1', [episode], e => `${e.hits} hits`);
    state.shown([episode]);
  };
  let state = await State.open(folder, 'test.example/log');
  const again = async (): Promise<void> => {
    state.tidy(undefined);
    state.close();
    state = await State.open(folder, 'test.example/log');
  };
  state.promise('t1', [{ ...madeEpisode('ana', 10, 20), hits: 12 }], () => '12 hits');
  // Nobody has heard of it yet.
  assert.equal(grown(500)?.again, undefined);
  state.shown([{ ...madeEpisode('ana', 10, 20), hits: 12 }]);
  state.accepted('t1', 'ana-10');
  await again();
  assert.deepEqual([grown(119)?.shown, grown(119)?.again], [true, undefined]);
  send(130);
  assert.deepEqual(state.waiting('t1'), [['ana-10.2', '130 hits']]);
  await again();
  // It waits, and what is accepted is that telling of it.
  assert.deepEqual([grown(1299)?.shown, grown(1299)?.again?.telling], [true, 2]);
  state.accepted('t1', 'ana-10.2');
  await again();
  send(200);
  assert.deepEqual(state.waiting('t1'), []);
  send(1300);
  assert.deepEqual(state.waiting('t1'), [['ana-10.3', '1300 hits']]);
  assert.deepEqual(grown(1300)?.again, { telling: 3, before: 130 });
  state.close();
});

test('one that was told with few hits, or before they were noted, grows from there', async () => {
  const folder = fresh();
  await run(folder, state => {
    state.shown([madeEpisode('ana', 1), { ...madeEpisode('bo', 1), hits: undefined as unknown as number }]);
  });
  await run(folder, state => {
    assert.equal(state.known(found('ana', 1, 1, 'ana-1', 99))?.shown, true);
    assert.deepEqual(state.known(found('ana', 1, 1, 'ana-1', 100))?.again, { telling: 2, before: 1 });
    assert.equal(state.known(found('bo', 1, 1, 'bo-1', 5000))?.shown, true);
    assert.equal(state.known(found('bo', 1, 1, 'bo-1', 50_000))?.shown, false);
  });
});
