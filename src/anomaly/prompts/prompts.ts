import { FAILED } from '../../record/schema.ts';
import type { Asker, Row } from '../../query/inquiry.ts';
import { tsOfMicros } from '../../record/time.ts';
import { cutoff } from '../../stats/discovery.ts';
import { shareTails } from '../../stats/tails.ts';
import { textOf } from '../../report/rows.ts';
import { type Frame, frameOf, noneIn, OTHERS, within } from '../frame.ts';
import { EVEN } from '../repetition.ts';

/** What `slmaudit report prompts --json` prints: stable. Prompts are known by their keyed hashes alone. */
export interface Prompts {
  readonly form: 'slmaudit-report-prompts/1';
  readonly since: string | null;
  readonly until: string | null;
  /** Requests with a prompt's hash, different prompts among those that came often, and how often that is. */
  readonly requests: number;
  readonly repeated: number;
  readonly least: number;
  /** Of all of these requests. */
  readonly failed_share: number;
  readonly prompts: readonly Prompt[];
  readonly notes: readonly string[];
}

export type Why = 'shared' | 'failing' | 'tokens' | 'script';

export interface Prompt {
  readonly prompt_hash: string;
  readonly why: readonly Why[];
  readonly requests: number;
  readonly users: number;
  /** Who sent it most, and how often. */
  readonly top_user: string | null;
  readonly top_requests: number;
  readonly failed: number;
  readonly refused: number;
  readonly tokens: number;
  readonly first: string;
  readonly last: string;
  readonly days: number;
  /** Of the one who sent it most: the median of the time between two, and how far it varies, in hundredths of that. */
  readonly every_s: number | null;
  readonly jitter_pct: number | null;
  /** Of failing prompts: how likely so many failures are where the usual share fails. */
  readonly p: number | null;
}

/** A prompt that came fewer times is not looked at. */
const LEAST = 5;
/** Of each reason. */
const TOP = 20;
const LEAST_USERS = 3;
const LEAST_SCRIPT = 20;
const LEVEL = 0.05;
const TIMES = 3;
const LEAST_FAILED = 3;
/** Failures of a prompt come together: by retries, and by the hour in which it was sent. */
const SPREAD = 0.02;
/** Counted first without their names, so that millions of prompts that come once are never held. */
const BUCKETS = 2 ** 22;

/** Prompts that recur across users, end in failures or refusals, burn tokens, or are sent as a script sends them. */
export async function promptsIn(
  asker: Asker,
  span: { readonly since?: string; readonly until?: string },
): Promise<Prompts> {
  const frame = await frameOf(asker, span);
  const type = frame?.told.prompt_hash;
  if (!frame || type === undefined)
    return { ...NOTHING, notes: [frame ? 'no record tells the hash of a prompt' : noneIn(span)] };
  const where = `event_type = '${type}' AND prompt_hash IS NOT NULL AND ${OTHERS} AND ${within(frame.since, frame.until)}`;
  await keepPrompts(asker, where);
  const [sums] = await asker.all(`SELECT count(*) AS n,
    count(*) FILTER (status IN ('error', 'denied', 'refused')) AS failed FROM records WHERE ${where}`);
  const requests = Number(sums!['n']);
  const share = requests === 0 ? 0 : Number(sums!['failed']) / requests;
  const chosen = new Map<string, Set<Why>>();
  const choose = (rows: readonly Row[], why: Why): void => {
    for (const row of rows) {
      const hash = textOf(row, 'h');
      chosen.set(hash, (chosen.get(hash) ?? new Set()).add(why));
    }
  };
  choose(
    await asker.all(
      `SELECT h FROM an_prompts WHERE users >= ${LEAST_USERS} ORDER BY users DESC, n DESC, h LIMIT ${TOP}`,
    ),
    'shared',
  );
  choose(
    await asker.all(`SELECT h FROM an_prompts WHERE tokens > 0 ORDER BY tokens DESC, h LIMIT ${TOP}`),
    'tokens',
  );
  const failing = await failingOf(asker, share);
  choose(failing.rows, 'failing');
  const scripts = await scriptsOf(asker, where);
  choose(scripts, 'script');
  return {
    form: 'slmaudit-report-prompts/1',
    since: tsOfMicros(frame.since)!,
    until: tsOfMicros(frame.until)!,
    requests,
    repeated: Number((await asker.all('SELECT count(*) AS n FROM an_prompts'))[0]!['n']),
    least: LEAST,
    failed_share: share,
    prompts: await detailsOf(asker, { chosen, where, p: failing.p }),
    notes: notesOf(frame, requests),
  };
}

const NOTHING: Prompts = {
  form: 'slmaudit-report-prompts/1',
  since: null,
  until: null,
  requests: 0,
  repeated: 0,
  least: LEAST,
  failed_share: 0,
  prompts: [],
  notes: [],
};

function notesOf(frame: Frame, requests: number): string[] {
  const notes = [`prompts that came fewer than ${LEAST} times are not looked at`];
  if (frame.told.user_id === undefined)
    notes.push('no record tells a user, so that nothing is said of who sent a prompt');
  if (frame.told.total_tokens === undefined) notes.push('no record tells tokens');
  return requests === 0 ? ['there is no request with the hash of a prompt in this time'] : notes;
}

/** `an_senders`: prompts that came often, by user; `an_prompts`: of all. */
async function keepPrompts(asker: Asker, where: string): Promise<void> {
  const bucket = `hash(prompt_hash) % ${BUCKETS}`;
  await asker.keep(
    'an_often',
    `SELECT bucket FROM (SELECT ${bucket} AS bucket, count(*) AS n FROM records WHERE ${where} GROUP BY ALL) WHERE n >= ${LEAST}`,
  );
  await asker.keep(
    'an_senders',
    `SELECT prompt_hash AS h, user_id AS u, count(*) AS n, count(*) FILTER (${FAILED}) AS failed,
      count(*) FILTER (status = 'refused') AS refused, coalesce(sum(total_tokens), 0)::BIGINT AS tokens,
      min(epoch_us(ts)) AS first, max(epoch_us(ts)) AS last
    FROM records WHERE ${where} AND ${bucket} IN (SELECT bucket FROM an_often) GROUP BY ALL`,
  );
  await asker.keep(
    'an_prompts',
    `SELECT h, sum(n)::BIGINT AS n, count(u) AS users, arg_max(u, n) AS top, max(n) AS top_n, sum(failed)::BIGINT AS failed,
      sum(refused)::BIGINT AS refused, sum(tokens)::BIGINT AS tokens, min(first) AS first, max(last) AS last
    FROM an_senders GROUP BY h HAVING sum(n) >= ${LEAST}`,
  );
}

/** Those that fail or are refused more often than all do, whatever may be chance left out. */
async function failingOf(
  asker: Asker,
  share: number,
): Promise<{ readonly rows: readonly Row[]; readonly p: ReadonlyMap<string, number> }> {
  const [{ n } = {}] = await asker.all('SELECT count(*) AS n FROM an_prompts');
  const rows = await asker.all(`SELECT h, n, failed + refused AS seen FROM an_prompts
    WHERE failed + refused >= ${LEAST_FAILED} AND (failed + refused) / n >= ${Math.max(1e-9, TIMES * share)}
    ORDER BY (failed + refused) / n DESC, n DESC, h LIMIT 2000`);
  const p = new Map(
    rows.map(r => [
      textOf(r, 'h'),
      shareTails(Number(r['seen']), Number(r['n']), Math.max(share, 1e-4), SPREAD).upper,
    ]),
  );
  const largest = cutoff([...p.values()], Number(n ?? 0), LEVEL);
  const counting = rows.filter(r => p.get(textOf(r, 'h'))! <= largest);
  return {
    rows: counting.toSorted((a, b) => p.get(textOf(a, 'h'))! - p.get(textOf(b, 'h'))!).slice(0, TOP),
    p,
  };
}

/** How evenly the one who sends a prompt most sends it: people's pauses vary. */
async function scriptsOf(asker: Asker, where: string): Promise<readonly Row[]> {
  await asker.keep(
    'an_paces',
    `WITH often AS (SELECT h, u FROM an_senders WHERE n >= ${LEAST_SCRIPT} AND u IS NOT NULL),
    sent AS (SELECT r.prompt_hash AS h, r.user_id AS u,
        epoch_us(ts) - lag(epoch_us(ts)) OVER (PARTITION BY r.prompt_hash, r.user_id ORDER BY ts, event_id) AS apart
      FROM records r JOIN often o ON r.prompt_hash = o.h AND r.user_id = o.u WHERE ${where})
    SELECT h, u, count(*) AS n, median(apart) / 1000000 AS every_s, 100 * mad(apart) / greatest(median(apart), 1) AS jitter
    FROM sent GROUP BY h, u`,
  );
  return await asker.all(`SELECT h FROM an_paces WHERE jitter < ${EVEN} ORDER BY n DESC, h, u LIMIT ${TOP}`);
}

async function detailsOf(
  asker: Asker,
  about: {
    readonly chosen: ReadonlyMap<string, ReadonlySet<Why>>;
    readonly where: string;
    readonly p: ReadonlyMap<string, number>;
  },
): Promise<Prompt[]> {
  const { chosen, where, p } = about;
  if (chosen.size === 0) return [];
  const rows = await asker.all(
    `WITH chosen AS (SELECT unnest(string_split($hashes, ' ')) AS h),
    spread AS (SELECT prompt_hash AS h, count(DISTINCT epoch_us(ts) // 86400000000) AS days FROM records
      WHERE ${where} AND prompt_hash IN (SELECT h FROM chosen) GROUP BY prompt_hash),
    paces AS (SELECT h, arg_max(every_s, n) AS every_s, arg_max(jitter, n) AS jitter FROM an_paces GROUP BY h)
    SELECT p.*, days, every_s, jitter FROM an_prompts p JOIN chosen USING (h) JOIN spread USING (h) LEFT JOIN paces USING (h)
    ORDER BY n DESC, h`,
    { hashes: [...chosen.keys()].join(' ') },
  );
  return rows.map(r => {
    const hash = textOf(r, 'h');
    return {
      prompt_hash: hash,
      why: [...chosen.get(hash)!],
      requests: Number(r['n']),
      users: Number(r['users']),
      top_user: r['top'] === null ? null : textOf(r, 'top'),
      top_requests: Number(r['top_n']),
      failed: Number(r['failed']),
      refused: Number(r['refused']),
      tokens: Number(r['tokens']),
      first: tsOfMicros(Number(r['first']))!,
      last: tsOfMicros(Number(r['last']))!,
      days: Number(r['days']),
      every_s: r['every_s'] === null ? null : Number(r['every_s']),
      jitter_pct: r['jitter'] === null ? null : Number(r['jitter']),
      p: chosen.get(hash)!.has('failing') ? p.get(hash)! : null,
    };
  });
}
