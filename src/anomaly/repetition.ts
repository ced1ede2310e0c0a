import type { Asker } from '../query/inquiry.ts';
import { textOf } from '../report/rows.ts';
import { magnitudesTested } from './entities.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import { type Frame, OTHERS, within } from './frame.ts';

/**
 * Counted first without names, in so many buckets: only what shares one with enough can have come often, and the millions of
 * prompts that come once are never held. What came fewer times than `OFTEN` counts for `SELDOM`.
 */
const BUCKETS = 2 ** 22;
const OFTEN = 5;
const SELDOM = 2;

/** The most that one prompt was repeated by one user in a day, against what is usual for it and for others. */
export async function repetitionTested(asker: Asker, frame: Frame): Promise<Tested> {
  const type = frame.told.prompt_hash;
  if (type === undefined || frame.told.user_id === undefined)
    return {
      family: 'repetition',
      tested: 0,
      candidates: [],
      notes: ['no record tells a prompt and its user'],
    };
  const where = `event_type = '${type}' AND prompt_hash IS NOT NULL`;
  const day = `epoch_us(ts) // ${24 * HOUR_US}`;
  const bucket = `hash(user_id, ${day}, prompt_hash) % ${BUCKETS}`;
  // Named once and used twice, the engine would keep all of it between.
  const told = `FROM records WHERE ${where} AND user_id IS NOT NULL AND ${OTHERS}`;
  await asker.keep(
    'an_repeats',
    `WITH often AS (SELECT bucket FROM (SELECT ${bucket} AS bucket, count(*) AS n ${told} GROUP BY bucket) WHERE n >= ${OFTEN}),
    exact AS (SELECT e, day, max(n) AS top, arg_max(h, n) AS h FROM (
      SELECT user_id AS e, (${day})::INT AS day, prompt_hash AS h, count(*) AS n ${told} AND ${bucket} IN (SELECT bucket FROM often)
      GROUP BY ALL) GROUP BY e, day)
    SELECT d.e, d.day * 24 AS hour, greatest(coalesce(top, 0), ${SELDOM}) AS top, h
    FROM (SELECT DISTINCT e, hour // 24 AS day FROM an_users) d LEFT JOIN exact ON exact.e = d.e AND exact.day = d.day`,
  );
  return await magnitudesTested(asker, frame, {
    family: 'repetition',
    column: 'user_id',
    table: 'an_repeats',
    value: 'top',
    step: 'day',
    unit: 'times',
    times: 5,
    least: 20,
    where,
    flags: `--type ${type}`,
  });
}

/** Which prompt it was, from when to when it was sent, and how evenly: a small spread of the time between two is a script's. */
export async function regularity(asker: Asker, candidate: Candidate): Promise<Candidate> {
  const user = candidate.entity.user_id!;
  const [prompt] = await asker.all(
    `SELECT h FROM an_repeats WHERE e = $user AND hour = ${Math.floor(candidate.from / HOUR_US)}`,
    { user },
  );
  const hash = textOf(prompt, 'h');
  const [row] = await asker.all(
    `WITH sent AS (SELECT epoch_us(ts) AS sent_at, epoch_us(ts) - lag(epoch_us(ts)) OVER (ORDER BY ts, event_id) AS apart FROM records
      WHERE ${candidate.where} AND user_id = $user AND prompt_hash = $hash AND ${within(candidate.from, candidate.to)})
    SELECT min(sent_at) AS first, max(sent_at) AS last, median(apart) / 1000000 AS every_s,
      100 * mad(apart) / greatest(median(apart), 1) AS jitter FROM sent`,
    { user, hash },
  );
  const [every, jitter] = [Number(row!['every_s']), Number(row!['jitter'])];
  return {
    ...candidate,
    entity: { ...candidate.entity, prompt_hash: hash },
    from: Number(row!['first']),
    to: Number(row!['last']) + 1,
    flags: `${candidate.flags} --prompt-hash ${hash.slice(0, 16)}`,
    ...(jitter >= EVEN && { minor: true }),
    also: [
      `one about every ${every < 10 ? every.toFixed(1) : every.toFixed(0)} s, give or take ${jitter.toFixed(0)}%${jitter < EVEN ? ', as a script does' : ''}`,
    ],
  };
}

/** People's pauses differ by more hundredths of the usual one; scripts' by less. */
export const EVEN = 25;
