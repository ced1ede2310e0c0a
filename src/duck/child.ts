import { createHash } from 'node:crypto';
import { constants, openSync, readSync } from 'node:fs';
import { AuditError } from '../errors.ts';
import type { Answer, Asked, Cell, Payload, QueryJob } from './job.ts';

/**
 * The process in which one query runs (SPEC 9): a crash, a runaway or an escape ends here. It opens every payload,
 * checks its digest through the descriptor, gives the engine these descriptors and nothing else, and answers with
 * rows as long as it is asked for more.
 */

// The binding decodes text without ignoreBOM and so loses a leading U+FEFF; it makes its decoder when it is loaded.
const Decoder = TextDecoder;
globalThis.TextDecoder = class extends Decoder {
  constructor(label?: string, options?: ConstructorParameters<typeof Decoder>[1]) {
    super(label, { ...options, ignoreBOM: true });
  }
};
const { withEngine, fdName, quote } = await import('./engine.ts');
const { createView } = await import('./view.ts');
const { createRequestsView } = await import('./requests.ts');
const { guard } = await import('./guard.ts');
const { cellOf } = await import('./cell.ts');

/** Rows, and characters of text in them, that are sent at a time. */
const BATCH_ROWS = 1024;
const BATCH_CHARS = 1 << 20;

async function run(job: QueryJob): Promise<void> {
  const files = job.payloads.map(payload => ({ name: fdName(openChecked(payload), payload.path), payload }));
  const open =
    job.open === undefined
      ? undefined
      : fdName(
          openSync(job.open, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
          job.open,
        );
  await withEngine({ memory: job.memory, temporary: job.temporary }, async db => {
    await db.run(createView(files, open));
    await db.run(createRequestsView());
    const allowed = [...files.map(f => f.name), ...(open === undefined ? [] : [open])];
    await db.run(`SET allowed_paths = [${allowed.map(quote).join(', ')}]`);
    await db.run('SET enable_external_access = false');
    await db.run('SET lock_configuration = true');
    await guard(db, job.sql);
    const result = await db.stream(job.sql);
    const types = result.columnTypes();
    const numeric = /^(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DOUBLE|FLOAT|DECIMAL.*)$/;
    const columns = result
      .deduplicatedColumnNames()
      .map((name, i) => ({ name, numeric: numeric.test(String(types[i])) }));
    await answer({ kind: 'columns', columns });
    let rows: Cell[][] = [];
    let chars = 0;
    for await (const chunk of result) {
      const vectors = columns.map((_, column) => chunk.getColumnVector(column));
      for (let row = 0; row < chunk.rowCount; row++) {
        const cells = vectors.map(vector => cellOf(vector.getItem(row)));
        rows.push(cells);
        for (const cell of cells) chars += typeof cell === 'string' ? cell.length : 8;
        if (rows.length < BATCH_ROWS && chars < BATCH_CHARS) continue;
        await answer({ kind: 'rows', rows });
        rows = [];
        chars = 0;
      }
    }
    if (rows.length > 0) await answer({ kind: 'rows', rows });
  });
}

/** Throws PAYLOAD_ALTERED or PAYLOAD_MISSING (exit 1): nothing is read from what isn't what was sealed. */
function openChecked({ path, segment, sha256, bytes }: Payload): number {
  const hint = 'run `slmaudit verify`: it lists all that was altered';
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const missing =
      cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ELOOP');
    if (!missing) throw cause;
    throw new AuditError('PAYLOAD_MISSING', `the records of segment ${segment} are missing: ${path}`, {
      exit: 1,
      hint,
    });
  }
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1 << 20);
  let size = 0;
  for (
    let got = readSync(fd, chunk, 0, chunk.length, 0);
    got > 0;
    got = readSync(fd, chunk, 0, chunk.length, size)
  ) {
    hash.update(chunk.subarray(0, got));
    size += got;
  }
  if (size === bytes && hash.digest('hex') === sha256) return fd;
  throw new AuditError(
    'PAYLOAD_ALTERED',
    `the records of segment ${segment} are not those that were sealed: ${path}`,
    { exit: 1, hint },
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

function failed(error: unknown): Answer {
  if (error instanceof AuditError) {
    const { code, message, hint, exit } = error;
    return { kind: 'failed', code, message, exit, ...(hint !== undefined && { hint }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', code: 'SQL_ERROR', message: message.split('\n\n', 1)[0] ?? message, exit: 2 };
}

process.on('message', (message: Asked) => {
  if (message.kind === 'more') {
    asked?.();
    return;
  }
  run(message.job).then(
    () => process.send?.({ kind: 'end' }),
    (error: unknown) => process.send?.(failed(error)),
  );
});
// The parent is gone, or has seen enough.
process.on('disconnect', () => process.exit(0));
