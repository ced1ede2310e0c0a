import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AuditError } from '../errors.ts';
import { ask } from './ask.ts';
import { engineVersion, quote } from './engine.ts';
import { FILTERED } from './filter.ts';
import { guard } from './guard.ts';
import { type Inquiry, withInquiry } from './inquiry.ts';
import type { Answer, Asked, Checked, QueryJob } from './job.ts';
import { listingSettings } from './listing.ts';
import { allOf, asksFor, bytesCondition, needsOf } from './needs.ts';
import { openAll, spanOf, watched, withReader } from './opening.ts';
import { all, choose, makeFilters } from './reading.ts';
import { sendRows } from './rows.ts';
import { sqlError } from './trouble.ts';
import { within } from './within.ts';

/**
 * The process in which a query runs, or the questions of an inquiry one after the other (SPEC 9): a crash, a runaway or an escape
 * ends here. It opens the payloads, checks their digests through the descriptors, gives the engine these and nothing else, and
 * answers with rows as long as it is asked for more.
 */

/** What the next query is spared, and how long this one's caller waits for it. */
const FILTERS_MS = 250;

let checked: readonly Checked[] = [];

async function run(job: QueryJob): Promise<void> {
  await withReader(job, async db => {
    const own = job.lines ? ['lines'] : [];
    if (job.expression !== undefined) await guard(db, `SELECT 1 WHERE ${job.expression}`, own);
    const parsed = await guard(db, job.sql, own);
    const inner = await within(db, job.sql, parsed.root);
    if (job.repeatable && parsed.unrepeatable.length > 0) throw unrepeatable(parsed.unrepeatable);
    for (const setting of listingSettings(parsed)) await db.run(setting);
    const asked = await needsOf(db, parsed, job.parameters, ['records', ...own]);
    const reads = ['records', 'requests', ...own].some(t => parsed.tables.has(t));
    const chosen = reads ? choose(job, allOf([spanOf(job), asked])) : notAsked(job);
    const where = bytesCondition(asked);
    const { reading, opened } = await openAll(db, job, chosen, tell, answer, {
      isOpen: reads,
      lines: job.lines,
      ...(where !== undefined && { where }),
      ...(job.parquet && { target: job.parquet.path }),
    });
    checked = reading.checked;
    const mark = job.unverified ? [reading.findings.join('; ') || null] : [];
    try {
      await watched(db, opened, tell, async () => {
        if (job.parquet) await writeParquet(db, job, inner, mark);
        else await sendRows(db, { sql: job.sql, text: inner, parameters: job.parameters }, mark, answer);
        if (job.parquet?.andRows) {
          const text = `FROM read_parquet(${quote(job.parquet.path)})`;
          await sendRows(db, { sql: text, text, parameters: {} }, [], answer);
        }
      });
    } finally {
      // If it failed, perhaps because of this.
      reading.again();
    }
    await answer({ kind: 'answered', engine: engineVersion() });
    if (job.filters !== undefined && asksFor(asked, FILTERED))
      checked = [...checked, ...(await makeFilters(db, opened, job.filters, FILTERS_MS))];
  });
}

const notAsked = ({ files }: QueryJob): ReturnType<typeof choose> => ({
  read: [],
  leftOut: files.flatMap(file => all(file, 'not_asked')),
});

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

let inquiry: Inquiry | undefined;
let temporary: string | undefined;

function end(work: Promise<void>, parameters: QueryJob['parameters'] = {}): void {
  work.then(
    () => tell({ kind: 'end', checked }),
    (error: unknown) => tell({ ...failed(error, parameters), checked }),
  );
}

function failed(
  error: unknown,
  parameters: QueryJob['parameters'],
): Omit<Answer & { kind: 'failed' }, 'checked'> {
  const { code, message, hint, exit } = error instanceof AuditError ? error : sqlError(error, parameters);
  return { kind: 'failed', code, message, exit, ...(hint !== undefined && { hint }) };
}

process.on('message', (message: Asked) => {
  switch (message.kind) {
    case 'more':
      return asked?.();
    case 'job':
      ({ temporary } = message.job);
      return end(run(message.job), message.job.parameters);
    case 'inquiry':
      ({ temporary } = message.reads);
      return end(
        withInquiry(message.reads, tell, answer, async opened => {
          inquiry = opened;
          checked = opened.checked;
          await opened.isOver;
        }),
      );
    case 'ask': {
      const { statement } = message;
      // Another question may fare better.
      inquiry!.ask(statement).then(
        () => tell({ kind: 'answered', engine: engineVersion() }),
        (error: unknown) => tell({ ...failed(error, statement.parameters), checked: [] }),
      );
      return undefined;
    }
    case 'over':
      return inquiry!.end();
  }
});
// The parent is gone: it was killed, and nobody else removes what it wrote for this process. An exit would wait for what the engine is
// at, which may be for ever.
process.on('disconnect', () => {
  try {
    if (temporary !== undefined) rmSync(dirname(temporary), { recursive: true, force: true });
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
});
// A terminal's Ctrl-C is the parent's to hear.
process.on('SIGINT', () => undefined);
