import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AuditError } from '../../src/errors.ts';
import { type Asker, inquire, type InquiryOptions } from '../../src/query/inquiry.ts';
import { type Clocked, withClock } from '../clocked.ts';

const MEMORY = 1 << 28;
/** It ends the process that runs it. */
const DEADLY = `select json_structure('${'['.repeat(100_000)}${']'.repeat(100_000)}')`;

const ask = <T>(log: Clocked, work: (asker: Asker) => Promise<T>, options: Partial<InquiryOptions> = {}) =>
  inquire(log.store, { memory: MEMORY, ...options }, work);

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof AuditError ? error.code : String(error);
  }
  return 'answered';
}

const payloadOf = (log: Clocked): string =>
  join(
    log.store.at.store,
    'records',
    log.files('records').find(f => f.endsWith('.parquet'))!,
  );

test('many questions are asked of one state, and what is kept has a name for those behind it', () =>
  withClock(async log => {
    await log.seal(3);
    const { value, plan, head } = await ask(
      log,
      async asker => {
        await asker.keep('users', 'SELECT user_id, count(*) AS n FROM records GROUP BY ALL');
        await log.seal(2);
        return [
          await asker.all('SELECT count(*) AS n FROM records'),
          await asker.all('SELECT sum(n)::BIGINT AS n FROM users WHERE n > $least', { least: '0' }),
          await asker.all('SELECT count(*) AS n FROM segments'),
        ];
      },
      { tables: ['segments'] },
    );
    assert.deepEqual(value, [[{ n: 3 }], [{ n: 3 }], [{ n: 1 }]]);
    assert.deepEqual(plan.read, [0]);
    assert.equal(head.size, 2);
  }));

test('a question that fails is the only one that does, even where it takes the process with it', () =>
  withClock(async log => {
    await log.seal(3);
    const { value } = await ask(
      log,
      async asker => {
        await asker.keep('ids', 'SELECT event_id FROM records');
        const codes: string[] = [];
        for (const sql of [
          'SELECT nothing FROM records',
          "SELECT * FROM read_csv('/etc/passwd')",
          'SELECT * FROM other',
          'SELECT count(*) FROM range(100000000000) a(i) WHERE sin(i) > 2',
          DEADLY,
          'SELECT count(*) FROM ids',
        ])
          codes.push(await codeOf(asker.all(sql)));
        codes.push(
          await codeOf(asker.keep('records', 'SELECT 1')),
          await codeOf(asker.keep('ids', 'SELECT 1')),
        );
        return { codes, left: await asker.all('SELECT count(*) AS n FROM ids') };
      },
      { timeoutMs: 500 },
    );
    assert.deepEqual(value.codes, [
      'SQL_ERROR',
      'SQL_REFUSED',
      'SQL_REFUSED',
      'QUERY_TIMEOUT',
      'QUERY_DIED',
      'answered',
      'SQL_ERROR',
      'SQL_ERROR',
    ]);
    assert.deepEqual(value.left, [{ n: 3 }]);
  }));

test('an alteration before, during or between two processes of an inquiry is found, and what work throws is thrown', () =>
  withClock(async log => {
    await log.seal(50);
    const path = payloadOf(log);
    const good = readFileSync(path);
    const flipped = Buffer.from(good);
    flipped[flipped.length >> 1]! ^= 1;
    const count = (asker: Asker): Promise<unknown> => asker.all('SELECT count(*) FROM records');
    const writing = (bytes: Buffer): void => {
      writeFileSync(path, bytes);
      utimesSync(path, 1, 1);
    };

    assert.equal(await codeOf(ask(log, count)), 'answered');
    const during = ask(log, async asker => {
      await count(asker);
      writing(flipped);
    });
    assert.equal(await codeOf(during), 'PAYLOAD_ALTERED');
    assert.equal(await codeOf(ask(log, count)), 'PAYLOAD_ALTERED');
    writing(good);
    const between = ask(log, async asker => {
      await count(asker);
      writing(flipped);
      writing(good);
      await codeOf(asker.all(DEADLY));
      await count(asker);
    });
    assert.equal(await codeOf(between), 'PAYLOAD_TOUCHED');
    const thrown = ask(log, async () => {
      await Promise.resolve();
      throw new AuditError('OWN', 'of the work');
    });
    assert.equal(await codeOf(thrown), 'OWN');
  }));

test('an inquiry that is interrupted answers nothing', () =>
  withClock(async log => {
    await log.seal(3);
    const control = new AbortController();
    const work = ask(
      log,
      async asker => {
        setTimeout(() => control.abort('SIGINT'), 50);
        return asker.all('SELECT count(*) FROM range(100000000000) a(i) WHERE sin(i) > 2');
      },
      { signal: control.signal },
    );
    await assert.rejects(work, (error: AuditError) => error.code === 'QUERY_STOPPED' && error.exit === 130);
  }));
