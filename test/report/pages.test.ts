import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { failuresPage } from '../../src/report/failures/page.ts';
import type { FailuresData } from '../../src/report/failures/facts.ts';
import { latencyPage } from '../../src/report/latency/page.ts';
import type { LatencyData } from '../../src/report/latency/facts.ts';
import { modelsPage } from '../../src/report/models/page.ts';
import type { ModelsData } from '../../src/report/models/facts.ts';
import type { Page } from '../../src/report/page.ts';
import { usagePage } from '../../src/report/usage/page.ts';
import type { UsageData } from '../../src/report/usage/facts.ts';
import { usersPage } from '../../src/report/users/page.ts';
import type { UsersData } from '../../src/report/users/facts.ts';
import { pageText } from '../../src/cli/render/page/format.ts';
import { withRecords } from './asker.ts';
import { countBy, FIRST, type Generated, generated, quantile, sumOf, toldOf } from './traffic.ts';

const DAY = 86_400_000;
const all = generated();
const requests = all.filter(r => r.event_type === 'inference');
const [since, until] = [FIRST + 9 * DAY, FIRST + 16 * DAY];
const now = requests.filter(r => r.at >= since && r.at < until);
const then = requests.filter(r => r.at >= since - 7 * DAY && r.at < since);

const isFailed = (r: Generated): boolean => r.status === 'error' || r.status === 'denied';
const dayOf = (r: Generated): number => Math.floor((r.at - since) / DAY);
const byDay = <T>(some: readonly Generated[], of: (day: readonly Generated[]) => T): T[] =>
  Array.from({ length: 7 }, (_, day) => of(some.filter(r => dayOf(r) === day)));
const names = (some: readonly Generated[], of: (r: Generated) => string | null): Set<string | null> =>
  new Set(some.map(of).filter(n => n !== null));
const known = (some: readonly Generated[], of: (r: Generated) => number | null): number[] =>
  some.map(of).filter(n => n !== null);

let pages: Readonly<Record<'usage' | 'failures' | 'latency' | 'models' | 'users', Page>>;

before(async () => {
  pages = await withRecords(toldOf(all), async asker => ({
    usage: await usagePage(asker, { zone: 'UTC' }),
    failures: await failuresPage(asker, { zone: 'UTC' }),
    latency: await latencyPage(asker, { zone: 'UTC' }),
    models: await modelsPage(asker, { zone: 'UTC' }),
    users: await usersPage(asker, { zone: 'UTC' }),
  }));
});

test('every page is of the last seven full days against the seven before, and says so', () => {
  for (const [name, page] of Object.entries(pages)) {
    assert.equal(page.subtitle, '2026-05-10 to 2026-05-16 (UTC), against 2026-05-03 to 2026-05-09', name);
    const data = page.data as UsageData;
    assert.equal(data.form, `slmaudit-report-${name}/1`);
    assert.equal(data.since, '2026-05-10T00:00:00.000000Z');
    assert.deepEqual(data.before, {
      since: '2026-05-03T00:00:00.000000Z',
      until: '2026-05-10T00:00:00.000000Z',
    });
    assert.ok(page.summary.length >= 1 && page.summary.length <= 4);
  }
});

test('usage: totals, days, models and users are what a plain count finds', () => {
  const data = pages.usage.data as UsageData;
  for (const [total, some] of [
    [data.totals.now, now],
    [data.totals.before!, then],
  ] as const)
    assert.deepEqual(total, {
      requests: some.length,
      failed: some.filter(isFailed).length,
      users: names(some, r => r.user_id).size,
      addresses: names(some, r => r.client_ip).size,
      api_keys: 0,
      models: 3,
      input_tokens: sumOf(some, r => r.input_tokens),
      output_tokens: sumOf(some, r => r.output_tokens),
      cached_tokens: null,
      cost_microusd: sumOf(some, r => r.cost_microusd),
      with_tokens: known(some, r => r.input_tokens).length,
      with_cost: known(some, r => r.cost_microusd).length,
    });
  assert.deepEqual(
    data.series.map(p => p.requests),
    byDay(now, day => day.length),
  );
  assert.deepEqual(
    data.series.map(p => p.output_tokens),
    byDay(now, day => sumOf(day, r => r.output_tokens)),
  );
  assert.equal(data.series[0]!.at, '2026-05-10T00:00:00.000000Z');
  const byModel = countBy(now, r => r.model);
  assert.deepEqual(new Map(data.models.map(m => [m.name, m.requests])), byModel);
  assert.deepEqual(
    data.models.map(m => m.requests),
    [...byModel.values()].sort((a, b) => b - a),
  );
  const first = data.users[0]!;
  const ofFirst = now.filter(r => r.user_id === first.name);
  assert.equal(first.requests, Math.max(...countBy(now, r => r.user_id).values()));
  assert.deepEqual(
    { requests: first.requests, failed: first.failed, before: first.before, by: first.by },
    {
      requests: ofFirst.length,
      failed: ofFirst.filter(isFailed).length,
      before: {
        requests: then.filter(r => r.user_id === first.name).length,
        failed: then.filter(r => r.user_id === first.name && isFailed(r)).length,
      },
      by: byDay(ofFirst, day => day.length),
    },
  );
  const hours = countBy(now, r => new Date(Math.floor(r.at / 3_600_000) * 3_600_000).toISOString());
  assert.equal(data.busiest!.requests, Math.max(...hours.values()));
  assert.equal(hours.get(data.busiest!.hour), data.busiest!.requests);
});

test('usage: rows of the totals are told apart, and hold their numbers, on 40 columns', () => {
  const text = pageText('table', pages.usage, { width: 40, plain: true, foot: [] });
  const [, totals] = /\n +now +before +change\n([^]*?)\n\n/.exec(text)!;
  const labels = totals!.split('\n').map(line => line.slice(0, 6));
  assert.ok(labels.length >= 8);
  assert.deepEqual([...new Set(labels)], labels);
});

test('usage: what moved most is what differs most from the period before', () => {
  const data = pages.usage.data as UsageData;
  const [after, earlier] = [countBy(now, r => r.user_id), countBy(then, r => r.user_id)];
  const differences = [...new Set([...after.keys(), ...earlier.keys()])]
    .map(name => Math.abs((after.get(name) ?? 0) - (earlier.get(name) ?? 0)))
    .sort((a, b) => b - a);
  assert.deepEqual(
    data.moved.users.map(u => Math.abs(u.requests - u.before!.requests)),
    differences.filter(d => d > 0).slice(0, 10),
  );
});

test('failures: ends, kinds, builds, users and logins are what a plain count finds', () => {
  const data = pages.failures.data as FailuresData;
  for (const [ends, some] of [
    [data.totals.now, now],
    [data.totals.before!, then],
  ] as const) {
    const of = (status: string): number => some.filter(r => r.status === status).length;
    assert.deepEqual(ends, {
      requests: some.length,
      failed: some.filter(isFailed).length,
      error: of('error'),
      denied: of('denied'),
      refused: of('refused'),
      cancelled: of('cancelled'),
      unknown: 0,
    });
  }
  assert.deepEqual(
    data.series.map(p => p.failed),
    byDay(now, day => day.filter(isFailed).length),
  );
  const kindOf = (r: Generated): string => `${r.status} ${r.error_type}`;
  const notOk = now.filter(r => r.status !== 'ok');
  assert.deepEqual(
    new Map(data.kinds.map(k => [`${k.status} ${k.error_type}`, k.requests])),
    countBy(notOk, kindOf),
  );
  const [kind] = data.kinds;
  const ofKind = notOk.filter(r => kindOf(r) === `${kind!.status} ${kind!.error_type}`);
  assert.equal(kind!.users, names(ofKind, r => r.user_id).size);
  assert.deepEqual(
    [...kind!.by],
    byDay(ofKind, day => day.length),
  );
  assert.equal(Date.parse(kind!.last), Math.max(...ofKind.map(r => r.at)));
  for (const build of data.models) {
    const of = (some: readonly Generated[]): Generated[] =>
      some.filter(r => r.model === build.model && r.model_version === build.model_version);
    assert.equal(build.failed, of(now).filter(isFailed).length);
    assert.deepEqual(build.before, { requests: of(then).length, failed: of(then).filter(isFailed).length });
  }
  assert.equal(data.models.length, 6);
  const failing = countBy(now.filter(isFailed), r => r.user_id);
  assert.deepEqual(
    data.users.map(u => u.by),
    data.users.map(u =>
      byDay(
        now.filter(r => isFailed(r) && r.user_id === u.name),
        day => day.length,
      ),
    ),
  );
  for (const model of data.moved.models)
    assert.equal(
      sumOf(
        model.by.map(n => ({ n })),
        ({ n }) => n,
      ),
      model.failed,
    );
  assert.deepEqual(
    data.users.map(u => u.failed),
    [...failing.values()].sort((a, b) => b - a).slice(0, 10),
  );
  const logins = all.filter(r => r.event_type === 'auth' && r.at >= since);
  assert.deepEqual(data.logins!.now, {
    succeeded: logins.filter(r => r.status === 'ok').length,
    failed: logins.filter(r => r.status !== 'ok').length,
    users_failed: names(
      logins.filter(r => r.status !== 'ok'),
      r => r.user_id,
    ).size,
  });
});

test('latency: percentiles are those of requests that ended well, by day, by version and by length', () => {
  const data = pages.latency.data as LatencyData;
  const well = now.filter(r => r.status === 'ok');
  const quantiles = (some: readonly Generated[], of: (r: Generated) => number | null): object | null => {
    const numbers = known(some, of);
    if (numbers.length === 0) return null;
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map(q => Math.round(quantile(numbers, q)));
    return { p50, p95, p99 };
  };
  assert.deepEqual(
    data.totals.now.latency_us,
    quantiles(well, r => r.latency_us),
  );
  assert.deepEqual(
    data.totals.now.ttft_us,
    quantiles(well, r => r.ttft_us),
  );
  assert.equal(data.totals.now.queue_us, null);
  assert.equal(data.totals.now.with_latency, known(well, r => r.latency_us).length);
  assert.deepEqual(
    data.series.map(p => p.p95_us),
    byDay(well, day =>
      Math.round(
        quantile(
          known(day, r => r.latency_us),
          0.95,
        ),
      ),
    ),
  );
  for (const m of data.models) {
    const of = (some: readonly Generated[]): Generated[] =>
      some.filter(
        r =>
          r.status === 'ok' &&
          r.model === m.model &&
          r.model_version === m.model_version &&
          r.latency_us !== null,
      );
    assert.equal(m.requests, of(now).length);
    assert.deepEqual(
      m.latency_us,
      quantiles(of(now), r => r.latency_us),
    );
    assert.deepEqual(
      m.before!.latency_us,
      quantiles(of(then), r => r.latency_us),
    );
  }
  const long = well.filter(r => (r.output_tokens ?? 0) >= 500);
  assert.deepEqual(
    data.lengths.at(-1)!.latency_us,
    quantiles(long, r => r.latency_us),
  );
  assert.deepEqual(
    data.slowest.map(s => s.latency_us),
    known(well, r => r.latency_us)
      .sort((a, b) => b - a)
      .slice(0, 10),
  );
});

test('models: what came, when it was first seen in the whole store, and what answered for another', () => {
  const data = pages.models.data as ModelsData;
  assert.deepEqual(data.counts, { models: 3, versions: 6, new: 3, gone: 0 });
  for (const v of data.versions) {
    const ever = requests.filter(r => r.model === v.model && r.model_version === v.model_version);
    assert.equal(Date.parse(v.first_seen), Math.min(...ever.map(r => r.at)));
    assert.equal(Date.parse(v.last_seen), Math.max(...ever.map(r => r.at)));
    assert.equal(v.state, v.model_version === 'v2' ? 'new' : 'in use');
    const of = ever.filter(r => r.at >= since);
    assert.equal(v.requests, of.length);
    assert.equal(v.users, names(of, r => r.user_id).size);
  }
  const others = now.filter(r => r.model !== r.model_requested);
  assert.deepEqual(
    new Map(data.substituted.map(s => [`${s.model_requested} ${s.model}`, s.requests])),
    countBy(others, r => `${r.model_requested} ${r.model}`),
  );
});

test('users: who is new, back and gone, against all that the store has; the numbers add up', () => {
  const data = pages.users.data as UsersData;
  const earlier = names(
    requests.filter(r => r.at < since),
    r => r.user_id,
  );
  const [here, there] = [names(now, r => r.user_id), names(then, r => r.user_id)];
  const came = [...here].filter(u => !earlier.has(u));
  const gone = [...there].filter(u => !here.has(u));
  const back = [...here].filter(u => earlier.has(u) && !there.has(u));
  assert.ok(came.length > 0 && gone.length > 0);
  assert.deepEqual(new Set(data.back.map(u => u.user_id)), new Set(back));
  const totals = data.totals.now;
  assert.equal(totals.back, back.length);
  assert.equal(totals.users, data.totals.before!.users - totals.gone! + totals.back + totals.new!);
  assert.deepEqual(new Set(data.new.map(u => u.user_id)), new Set(came));
  assert.deepEqual(new Set(data.gone.map(u => u.user_id)), new Set(gone));
  assert.equal(data.totals.now.new, came.length);
  assert.equal(data.totals.now.gone, gone.length);
  const [first] = data.new;
  const ofFirst = now.filter(r => r.user_id === first!.user_id);
  assert.equal(first!.requests, ofFirst.length);
  assert.equal(first!.addresses, names(ofFirst, r => r.client_ip).size);
  assert.equal(Date.parse(first!.first_seen), Math.min(...ofFirst.map(r => r.at)));
  assert.deepEqual(
    data.series.map(p => p.users),
    byDay(now, day => names(day, r => r.user_id).size),
  );
  const counts = [
    ...countBy(
      now.filter(r => r.user_id !== null),
      r => r.user_id,
    ).values(),
  ].sort((a, b) => b - a);
  assert.equal(
    data.totals.now.top10_requests,
    counts.slice(0, 10).reduce((a, b) => a + b),
  );
  assert.deepEqual(
    data.by_requests.map(u => u.requests),
    counts.slice(0, 10),
  );
  assert.ok(
    data.by_failures.every(
      (u, i, us) => i === 0 || u.failed / u.requests <= us[i - 1]!.failed / us[i - 1]!.requests,
    ),
  );
});
