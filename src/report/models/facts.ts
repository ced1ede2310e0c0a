import type { Asker } from '../../query/inquiry.ts';
import type { Frame } from '../frame.ts';
import { numberIn, numberOf, textIn, textOf } from '../rows.ts';
import { bucketOf, inFrame, spread, SUMS } from '../scope.ts';
import { frameData, type FrameData } from '../sections.ts';

/** What `report models --json` prints. */
export interface ModelsData extends FrameData {
  readonly form: 'slmaudit-report-models/1';
  /** Models and versions with requests in the period or the one before, the most first. */
  readonly versions: readonly Version[];
  /** How many of these there are; `versions` has 100 at most. */
  readonly counts: {
    readonly models: number;
    readonly versions: number;
    readonly new: number;
    readonly gone: number;
  };
  /** Asked for one model, answered by another. */
  readonly substituted: readonly Substituted[];
  readonly providers: readonly {
    readonly provider: string;
    readonly requests: number;
    readonly before: number | null;
  }[];
  /** Requests whose model, and whose version, was not recorded. */
  readonly without_model: number;
  readonly without_version: number;
  readonly requests: number;
}

export interface Version {
  readonly model: string | null;
  readonly model_version: string | null;
  /** new: first seen in the period, in all the store has; gone: seen in the period before, not in this one. */
  readonly state: 'new' | 'gone' | 'in use';
  /** In the whole store. */
  readonly first_seen: string;
  readonly last_seen: string;
  readonly requests: number;
  readonly before: number | null;
  readonly failed: number;
  readonly users: number;
  readonly p95_latency_us: number | null;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly by: readonly number[];
}

export interface Substituted {
  readonly model_requested: string;
  readonly model: string;
  readonly requests: number;
  readonly before: number | null;
}

const MOST = 100;

export async function modelsOf(asker: Asker, frame: Frame): Promise<ModelsData> {
  const bucket = bucketOf(frame);
  await asker.keep(
    'builds',
    `SELECT ${bucket} AS bucket, model, model_version, ${SUMS} FROM records WHERE ${inFrame(frame)} GROUP BY ALL`,
  );
  const versions = await versionsOf(asker, frame);
  const [row] =
    await asker.all(`SELECT sum(requests) AS requests, sum(requests) FILTER (WHERE model IS NULL) AS no_model,
    sum(requests) FILTER (WHERE model IS NOT NULL AND model_version IS NULL) AS no_version FROM builds WHERE bucket >= 0`);
  return {
    form: 'slmaudit-report-models/1',
    ...frameData(frame),
    versions: versions.slice(0, MOST),
    counts: {
      models: new Set(versions.filter(v => v.requests > 0 && v.model !== null).map(v => v.model)).size,
      versions: versions.filter(v => v.requests > 0 && v.model !== null).length,
      new: versions.filter(v => v.state === 'new').length,
      gone: versions.filter(v => v.state === 'gone').length,
    },
    substituted: await substitutedOf(asker, frame),
    providers: await providersOf(asker, frame),
    without_model: numberOf(row, 'no_model'),
    without_version: numberOf(row, 'no_version'),
    requests: numberOf(row, 'requests'),
  };
}

/** So many names are told apart: whoever writes model names at will shall not fill this process. */
const MOST_ROWS = 10_000;

async function versionsOf(asker: Asker, frame: Frame): Promise<Version[]> {
  const rows =
    await asker.all(`WITH sums AS (SELECT model, model_version, sum(requests) FILTER (WHERE bucket >= 0) AS requests,
      sum(requests) FILTER (WHERE bucket < 0) AS before, sum(failed) FILTER (WHERE bucket >= 0) AS failed,
      sum(input) FILTER (WHERE bucket >= 0) AS input, sum(output) FILTER (WHERE bucket >= 0) AS output,
      list([bucket, requests]) FILTER (WHERE bucket >= 0) AS pairs FROM builds GROUP BY ALL),
    seen AS (SELECT model, model_version, min(ts) AS first, max(ts) AS last FROM records WHERE event_type = '${frame.events}' GROUP BY ALL),
    more AS (SELECT model, model_version, count(DISTINCT user_id) AS users,
      quantile_cont(latency_us, 0.95) FILTER (WHERE status = 'ok') AS p95
      FROM records WHERE ${inFrame({ ...frame, before: undefined })} GROUP BY ALL)
    SELECT sums.*, first, last, users, p95 FROM sums
      JOIN seen ON sums.model IS NOT DISTINCT FROM seen.model AND sums.model_version IS NOT DISTINCT FROM seen.model_version
      LEFT JOIN more ON sums.model IS NOT DISTINCT FROM more.model AND sums.model_version IS NOT DISTINCT FROM more.model_version
    ORDER BY coalesce(sums.requests, 0) DESC, before DESC, sums.model, sums.model_version LIMIT ${MOST_ROWS}`);
  return rows.map(row => {
    const p95 = numberIn(row['p95']);
    const requests = numberOf(row, 'requests');
    const first = textOf(row, 'first');
    return {
      model: textIn(row['model']),
      model_version: textIn(row['model_version']),
      // Where the store begins in the period all would be new.
      state:
        requests === 0 ? 'gone' : first >= frame.since && frame.has!.oldest < frame.since ? 'new' : 'in use',
      first_seen: first,
      last_seen: textOf(row, 'last'),
      requests,
      before: frame.before ? numberOf(row, 'before') : null,
      failed: numberOf(row, 'failed'),
      users: numberOf(row, 'users'),
      p95_latency_us: p95 === null ? null : Math.round(p95),
      input_tokens: numberIn(row['input']),
      output_tokens: numberIn(row['output']),
      by: spread(frame, row['pairs'], 0),
    };
  });
}

async function substitutedOf(asker: Asker, frame: Frame): Promise<Substituted[]> {
  const rows =
    await asker.all(`SELECT model_requested, model, count(*) FILTER (WHERE b >= 0) AS requests, count(*) FILTER (WHERE b < 0) AS before
    FROM (SELECT ${bucketOf(frame)} AS b, model_requested, model FROM records WHERE ${inFrame(frame)} AND model_requested <> model)
    GROUP BY ALL HAVING requests > 0 ORDER BY requests DESC, model_requested, model LIMIT 20`);
  return rows.map(row => ({
    model_requested: textOf(row, 'model_requested'),
    model: textOf(row, 'model'),
    requests: numberOf(row, 'requests'),
    before: frame.before ? numberOf(row, 'before') : null,
  }));
}

async function providersOf(asker: Asker, frame: Frame): Promise<ModelsData['providers']> {
  const rows =
    await asker.all(`SELECT provider, count(*) FILTER (WHERE b >= 0) AS requests, count(*) FILTER (WHERE b < 0) AS before
    FROM (SELECT ${bucketOf(frame)} AS b, provider FROM records WHERE ${inFrame(frame)} AND provider IS NOT NULL)
    GROUP BY ALL ORDER BY requests DESC, before DESC, provider LIMIT 20`);
  return rows.map(row => ({
    provider: textOf(row, 'provider'),
    requests: numberOf(row, 'requests'),
    before: frame.before ? numberOf(row, 'before') : null,
  }));
}
