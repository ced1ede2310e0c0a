import { constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { ask } from './ask.ts';
import { allowFiles, engineVersion, fdName, lockEngine, quote, withEngine } from './engine.ts';
import { FILTERED } from './filter.ts';
import { guard } from './guard.ts';
import type { Answer, Asked, Checked, QueryJob } from './job.ts';
import { allOf, asksFor, bytesCondition, needsOf } from './needs.ts';
import { all, choose, makeFilters, Reading } from './reading.ts';
import { createRequestsView } from './requests.ts';
import { listingSettings } from './listing.ts';
import { CREATE_LAST, sendRows } from './rows.ts';
import { sqlError } from './trouble.ts';
import * as view from './view.ts';
import { within } from './within.ts';

/**
 * The process in which one query runs (SPEC 9): a crash, a runaway or an escape ends here. It opens every payload that
 * can matter, checks its digest through the descriptor, gives the engine these descriptors and nothing else, and answers with
 * rows as long as it is asked for more.
 */

/** What the next query is spared, and how long this one's caller waits for it. */
const FILTERS_MS = 250;

let checked: readonly Checked[] = [];

async function run(job: QueryJob): Promise<void> {
  const { memory, temporary, threads } = job;
  await withEngine({ memory, temporary, ...(threads !== undefined && { threads }) }, async db => {
    await db.run(`SET max_temp_directory_size = ${quote(job.spill)}`);
    await db.run(view.CREATE_IP_KEY);
    const own = job.lines ? ['lines'] : [];
    if (job.expression !== undefined) await guard(db, `SELECT 1 WHERE ${job.expression}`, own);
    const parsed = await guard(db, job.sql, own);
    const inner = await within(db, job.sql, parsed.root);
    if (job.repeatable && parsed.unrepeatable.length > 0) throw unrepeatable(parsed.unrepeatable);
    for (const setting of listingSettings(parsed)) await db.run(setting);
    const asked = await needsOf(db, parsed, job.parameters, ['records', ...own]);
    const needs = allOf([spanOf(job), asked]);

    const reads = ['records', 'requests', ...own].some(t => parsed.tables.has(t));
    const { read, leftOut } = reads ? choose(job, needs) : notAsked(job);
    const reading = new Reading(job);
    for (const [i, file] of read.entries()) {
      reading.open(file);
      tell({
        kind: 'progress',
        progress: { phase: 'checking', files: i + 1, of: read.length, bytes: reading.bytes },
      });
    }
    await reading.prove(db);
    checked = reading.checked;
    const open =
      reads && job.open !== undefined
        ? { path: job.open, name: fdName(openFile(job.open), job.open) }
        : undefined;
    const names = await allowFiles(
      db,
      join(job.temporary, '..', 'files'),
      reading.opened.map(o => o.name),
      [...(open ? [open.name] : []), ...(job.parquet ? [job.parquet.path] : [])],
    );
    const opened = reading.opened.map((o, i) => ({ ...o, name: names[i]! }));
    await createViews(db, job, {
      opened,
      open: open?.name,
      below: job.below,
      where: allWhere(spanWhere(job), bytesCondition(asked)),
    });
    const bytes = opened.reduce((sum, { file }) => sum + file.bytes, 0);
    const missing = reading.missing.flatMap(file => all(file, 'missing'));
    await answer({
      kind: 'plan',
      plan: {
        read: opened.flatMap(o => o.file.segments.map(s => s.segment)),
        leftOut: [...leftOut, ...missing].sort((a, b) => a.segment - b.segment),
        open: open !== undefined,
      },
      findings: reading.findings,
    });
    await lockEngine(db);

    const watched = setInterval(() => {
      const { percentage } = db.progress;
      tell({ kind: 'progress', progress: { phase: 'querying', percent: Math.max(0, percentage), bytes } });
    }, 250);
    const mark = job.unverified ? [reading.findings.join('; ') || null] : [];
    if (job.parquet) await writeParquet(db, job, inner, mark);
    else await sendRows(db, { sql: job.sql, text: inner, parameters: job.parameters }, mark, answer);
    if (job.parquet?.andRows) {
      const text = `FROM read_parquet(${quote(job.parquet.path)})`;
      await sendRows(db, { sql: text, text, parameters: {} }, [], answer);
    }
    clearInterval(watched);
    reading.again();
    await answer({ kind: 'answered', engine: engineVersion() });
    if (job.filters !== undefined && asksFor(asked, FILTERED))
      checked = [...checked, ...(await makeFilters(db, opened, job.filters, FILTERS_MS))];
  });
}

const spanOf = ({ span }: QueryJob): { from?: number; to?: number } | true =>
  span.from === undefined && span.to === undefined
    ? true
    : {
        ...(span.from !== undefined && { from: span.from }),
        ...(span.to !== undefined && { to: span.to - 1 }),
      };

function spanWhere({ span: { from, to } }: QueryJob): string | undefined {
  return allWhere(
    from === undefined ? undefined : `ts >= make_timestamptz(${from})`,
    to === undefined ? undefined : `ts < make_timestamptz(${to})`,
  );
}

function allWhere(...conditions: readonly (string | undefined)[]): string | undefined {
  const some = conditions.filter(c => c !== undefined);
  return some.length === 0 ? undefined : some.join(' AND ');
}

const notAsked = ({ files }: QueryJob): ReturnType<typeof choose> => ({
  read: [],
  leftOut: files.flatMap(file => all(file, 'not_asked')),
});

const openFile = (path: string): number =>
  openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

async function createViews(
  db: DuckDBConnection,
  job: QueryJob,
  sources: Parameters<typeof view.createView>[0],
): Promise<void> {
  await db.run(view.createRuns(sources));
  await db.run(view.createView(sources));
  await db.run(createRequestsView());
  await db.run(CREATE_LAST);
  if (job.lines) await db.run(view.createLinesView(sources));
  for (const [name, table] of Object.entries(job.tables)) await db.run(view.createTableView(name, table));
}

async function writeParquet(
  db: DuckDBConnection,
  { parquet, parameters }: QueryJob,
  text: string,
  mark: readonly (string | null)[],
): Promise<void> {
  const marked = mark.map(m => `, ${m === null ? 'NULL::VARCHAR' : quote(m)} AS unverified`).join('');
  const prepared = await ask(
    db,
    `COPY (SELECT *${marked} FROM (${text}\n)) TO ${quote(parquet!.path)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`,
    parameters,
  );
  await prepared.run();
}

function unrepeatable(what: readonly string[]): AuditError {
  return new AuditError(
    'SQL_UNREPEATABLE',
    `a receipt is for an answer that can be had again, and ${what.join(', ')} would give another one`,
    {
      hint: 'give the time with --since and --until, or as a parameter',
    },
  );
}

let asked: (() => void) | undefined;

/** Sends, and waits until the parent asks for more: at most one batch is on its way. */
function answer(message: Answer): Promise<void> {
  return new Promise(resolve => {
    asked = resolve;
    process.send?.(message);
  });
}

/** Sends what nobody waits for. */
const tell = (message: Answer): void => void process.send?.(message);

process.on('message', (message: Asked) => {
  if (message.kind === 'more') {
    asked?.();
    return;
  }
  run(message.job).then(
    () => tell({ kind: 'end', checked }),
    (error: unknown) => {
      const {
        code,
        message: text,
        hint,
        exit,
      } = error instanceof AuditError ? error : sqlError(error, message.job.parameters);
      tell({ kind: 'failed', code, message: text, exit, checked, ...(hint !== undefined && { hint }) });
    },
  );
});
// The parent is gone, or has seen enough; a terminal's Ctrl-C is the parent's to hear.
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
