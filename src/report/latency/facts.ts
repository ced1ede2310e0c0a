import type { Cell } from '../../duck/job.ts';
import type { Asker, Row } from '../../query/inquiry.ts';
import { type Frame } from '../frame.ts';
import { numberIn, numberOf, textIn, textOf } from '../rows.ts';
import { bucketOf, inFrame, startsOf, spread } from '../scope.ts';
import { frameData, type FrameData } from '../sections.ts';

/** What `report latency --json` prints. Times are microseconds, of requests that ended well. */
export interface LatencyData extends FrameData {
  readonly form: 'slmaudit-report-latency/1';
  readonly totals: { readonly now: Times; readonly before: Times | null };
  readonly series: readonly LatencyPoint[];
  readonly models: readonly ModelTimes[];
  /** By how many tokens were answered: long answers take long. */
  readonly lengths: readonly LengthTimes[];
  readonly slowest: readonly Slow[];
}

export interface Times {
  /** That ended well, and those of them with a latency, a time to the first token, a time in a queue. */
  readonly requests: number;
  readonly with_latency: number;
  readonly with_ttft: number;
  readonly with_queue: number;
  readonly latency_us: Quantiles | null;
  readonly ttft_us: Quantiles | null;
  readonly queue_us: Quantiles | null;
  /** Median of answered tokens a second, behind the first token where that is known. */
  readonly tokens_per_s: number | null;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface LatencyPoint {
  readonly at: string;
  readonly p50_us: number | null;
  readonly p95_us: number | null;
  readonly ttft_p95_us: number | null;
}

export interface ModelTimes extends Compared {
  readonly model: string | null;
  readonly model_version: string | null;
  readonly ttft_us: Quantiles | null;
  readonly tokens_per_s: number | null;
  /** p95 by bucket. */
  readonly by: readonly (number | null)[];
}

export interface Compared {
  readonly requests: number;
  readonly latency_us: Quantiles | null;
  readonly before: { readonly requests: number; readonly latency_us: Quantiles | null } | null;
}

export interface LengthTimes extends Compared {
  readonly output_tokens: string;
}

export interface Slow {
  readonly event_id: string;
  readonly ts: string;
  readonly latency_us: number;
  readonly model: string | null;
  readonly user_id: string | null;
  readonly output_tokens: number | null;
}

/** A quantile of fewer than that is chance; p99 needs more still. */
export const LEAST = 30;
const QUANTILES = '[0.5, 0.95, 0.99]';
const LENGTHS = ['not recorded', '0 to 99', '100 to 499', '500 to 1,999', '2,000 and more'] as const;

export async function latencyOf(asker: Asker, frame: Frame): Promise<LatencyData> {
  await keepTimes(asker, frame);
  const counts =
    await asker.all(`SELECT bucket >= 0 AS is_now, count(*) AS requests, count(latency_us) AS with_latency, count(ttft_us) AS with_ttft,
    count(queue_us) AS with_queue, median(speed) AS speed FROM times GROUP BY ALL`);
  // One after the other: an exact percentile holds all its values.
  const spans: Record<string, readonly Row[]> = {};
  for (const column of ['latency_us', 'ttft_us', 'queue_us'])
    spans[column] = await asker.all(
      `SELECT bucket >= 0 AS is_now, quantile_cont(${column}, ${QUANTILES}) AS q FROM times GROUP BY ALL`,
    );
  const times = (isNow: boolean): Times => {
    const row = counts.find(r => r['is_now'] === isNow);
    const quantiles = (column: string): Quantiles | null =>
      quantilesIn(spans[column]?.find(r => r['is_now'] === isNow)?.['q']);
    return {
      requests: numberOf(row, 'requests'),
      with_latency: numberOf(row, 'with_latency'),
      with_ttft: numberOf(row, 'with_ttft'),
      with_queue: numberOf(row, 'with_queue'),
      latency_us: quantiles('latency_us'),
      ttft_us: quantiles('ttft_us'),
      queue_us: quantiles('queue_us'),
      tokens_per_s: rounded(numberIn(row?.['speed'])),
    };
  };
  return {
    form: 'slmaudit-report-latency/1',
    ...frameData(frame),
    totals: { now: times(true), before: frame.before ? times(false) : null },
    series: await seriesOf(asker, frame),
    models: await modelsOf(asker, frame),
    lengths: await lengthsOf(asker, frame),
    slowest: await slowestOf(asker, frame),
  };
}

/**
 * The table `times`, in few bytes a row: names are in `times_builds` (of ten million requests, the engine held 960 MB at the most
 * and not 1,450, measured).
 */
async function keepTimes(asker: Asker, frame: Frame): Promise<void> {
  const well = `${inFrame(frame)} AND status = 'ok'`;
  await asker.keep(
    'times_builds',
    `SELECT row_number() OVER ()::INTEGER AS build, model, model_version
      FROM (SELECT DISTINCT model, model_version FROM records WHERE ${well})`,
  );
  await asker.keep(
    'times',
    `SELECT (${bucketOf(frame)})::SMALLINT AS bucket, build, latency_us, ttft_us, queue_us,
      CASE WHEN output_tokens IS NULL THEN 0 WHEN output_tokens < 100 THEN 1 WHEN output_tokens < 500 THEN 2
        WHEN output_tokens < 2000 THEN 3 ELSE 4 END::TINYINT AS length,
      CASE WHEN output_tokens > 1 AND latency_us > coalesce(ttft_us, 0)
        THEN 1000000.0 * output_tokens / (latency_us - coalesce(ttft_us, 0)) END::FLOAT AS speed
      FROM records JOIN times_builds ON records.model IS NOT DISTINCT FROM times_builds.model
        AND records.model_version IS NOT DISTINCT FROM times_builds.model_version WHERE ${well}`,
  );
}

function quantilesIn(cell: Cell | undefined): Quantiles | null {
  if (!Array.isArray(cell) || cell[0] === null) return null;
  const [p50, p95, p99] = cell.map(n => Math.round(Number(n)));
  return { p50: p50!, p95: p95!, p99: p99! };
}

const rounded = (n: number | null): number | null => (n === null ? null : Math.round(n * 10) / 10);

async function seriesOf(asker: Asker, frame: Frame): Promise<LatencyPoint[]> {
  const [row] = await asker.all(`WITH each AS (SELECT bucket, quantile_cont(latency_us, [0.5, 0.95]) AS q,
      quantile_cont(ttft_us, 0.95) AS first FROM times WHERE bucket >= 0 GROUP BY bucket)
    SELECT list([bucket, q[1]]) AS p50, list([bucket, q[2]]) AS p95, list([bucket, first]) AS first FROM each`);
  const [p50, p95, first] = ['p50', 'p95', 'first'].map(name => spread(frame, row?.[name], null).map(whole));
  return startsOf(frame).map((at, i) => ({
    at,
    p50_us: p50![i]!,
    p95_us: p95![i]!,
    ttft_p95_us: first![i]!,
  }));
}

const whole = (n: number | null): number | null => (n === null ? null : Math.round(n));

async function modelsOf(asker: Asker, frame: Frame): Promise<ModelTimes[]> {
  const rows =
    await asker.all(`WITH counts AS (SELECT build, count(*) FILTER (WHERE bucket >= 0) AS n FROM times WHERE latency_us IS NOT NULL GROUP BY build),
    most AS (SELECT build FROM counts WHERE n > 0 ORDER BY n DESC, build LIMIT 30),
    told AS (SELECT * FROM times WHERE latency_us IS NOT NULL AND build IN (SELECT build FROM most)),
    sums AS (SELECT build, count(*) FILTER (WHERE bucket >= 0) AS requests, count(*) FILTER (WHERE bucket < 0) AS before,
      quantile_cont(latency_us, ${QUANTILES}) FILTER (WHERE bucket >= 0) AS latency_us,
      quantile_cont(latency_us, ${QUANTILES}) FILTER (WHERE bucket < 0) AS latency_before,
      median(speed) FILTER (WHERE bucket >= 0) AS speed FROM told GROUP BY build),
    firsts AS (SELECT build, quantile_cont(ttft_us, ${QUANTILES}) AS ttft_us FROM told WHERE bucket >= 0 GROUP BY build),
    each AS (SELECT build, bucket, quantile_cont(latency_us, 0.95) AS p95 FROM told WHERE bucket >= 0 GROUP BY ALL),
    spread AS (SELECT build, list([bucket, p95]) AS pairs FROM each GROUP BY build)
    SELECT model, model_version, sums.*, ttft_us, pairs
    FROM sums JOIN firsts USING (build) JOIN spread USING (build) JOIN times_builds USING (build)
    ORDER BY latency_us[2] DESC, requests DESC, model, model_version`);
  return rows.map(row => ({
    model: textIn(row['model']),
    model_version: textIn(row['model_version']),
    ...comparedIn(frame, row),
    ttft_us: quantilesIn(row['ttft_us']),
    tokens_per_s: rounded(numberIn(row['speed'])),
    by: spread(frame, row['pairs'], null).map(whole),
  }));
}

function comparedIn(frame: Frame, row: Row): Compared {
  return {
    requests: numberOf(row, 'requests'),
    latency_us: quantilesIn(row['latency_us']),
    before: frame.before
      ? { requests: numberOf(row, 'before'), latency_us: quantilesIn(row['latency_before']) }
      : null,
  };
}

async function lengthsOf(asker: Asker, frame: Frame): Promise<LengthTimes[]> {
  const rows =
    await asker.all(`SELECT length, count(*) FILTER (WHERE bucket >= 0) AS requests, count(*) FILTER (WHERE bucket < 0) AS before,
      quantile_cont(latency_us, ${QUANTILES}) FILTER (WHERE bucket >= 0) AS latency_us,
      quantile_cont(latency_us, ${QUANTILES}) FILTER (WHERE bucket < 0) AS latency_before
    FROM times WHERE latency_us IS NOT NULL GROUP BY length HAVING requests > 0 ORDER BY length`);
  return rows.map(row => ({
    output_tokens: LENGTHS[numberOf(row, 'length')] ?? '',
    ...comparedIn(frame, row),
  }));
}

async function slowestOf(asker: Asker, frame: Frame): Promise<Slow[]> {
  const rows = await asker.all(`SELECT event_id, ts, latency_us, model, user_id, output_tokens FROM records
    WHERE ${inFrame({ ...frame, before: undefined })} AND status = 'ok' AND latency_us IS NOT NULL
    ORDER BY latency_us DESC, event_id LIMIT 10`);
  return rows.map(row => ({
    event_id: textOf(row, 'event_id'),
    ts: textOf(row, 'ts'),
    latency_us: numberOf(row, 'latency_us'),
    model: textIn(row['model']),
    user_id: textIn(row['user_id']),
    output_tokens: numberIn(row['output_tokens']),
  }));
}
