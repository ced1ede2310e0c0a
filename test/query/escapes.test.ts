import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { allowFiles, lockEngine, quote, withEngine } from '../../src/duck/engine.ts';
import { guard } from '../../src/duck/guard.ts';
import { AuditError } from '../../src/errors.ts';
import { nativeLines, type Run, Sandbox } from '../sandbox.ts';

/**
 * What SQL from outside may try, and what comes of it. The canary is a file beside the store that no query has any business with.
 * With SLMAUDIT_SHOW=1 each statement is printed with its outcome.
 */
const box = new Sandbox();
const temporary = box.path('tmp');
const canary = box.path('canary');
const SECRET = 'CANARY-3f81c0';
const outputs: string[] = [];
const outcomes: string[] = [];

/** Path, and digest or target, of every file below; folders by name. */
function stateOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries.map(entry => {
      const path = join(entry.parentPath, entry.name);
      if (entry.isSymbolicLink()) return [path, `-> ${readlinkSync(path)}`];
      return [path, entry.isFile() ? hash('sha256', readFileSync(path)) : 'folder'];
    }),
  );
}

/** All of HOME, store and canary, but what queries themselves remember. */
const untouched = (): Record<string, string> =>
  Object.fromEntries(Object.entries(stateOf(box.folder)).filter(([path]) => !path.includes('/.local')));

let whole: Record<string, string>;

before(async () => {
  assert.equal((await box.run(['init', '--no-recovery', '--origin', 'test.example/log'])).code, 0);
  assert.equal((await box.run(['ingest', '--seal-records', '50'], nativeLines(120))).code, 0);
  for (const folder of [temporary, canary]) mkdirSync(folder);
  for (const name of ['c.csv', 'c.txt', 'c.json', 'c.sql'])
    writeFileSync(join(canary, name), name === 'c.json' ? `{"a":"${SECRET}"}\n` : `a,b\n${SECRET},1\n`);
  await withEngine({}, db =>
    db.run(`COPY (SELECT ${quote(SECRET)} AS a) TO ${quote(join(canary, 'c.parquet'))} (FORMAT parquet)`),
  );
  whole = untouched();
});

after(() => {
  box.remove();
  if (process.env['SLMAUDIT_SHOW'] === '1') process.stdout.write(`${outcomes.join('\n')}\n`);
});

const note = (statement: string, outcome: string): void => {
  const short = statement.replaceAll('\n', '\\n').replaceAll('\0', '\\0').replaceAll('\x1b', '\\e');
  outcomes.push(`${short.length > 110 ? `${short.slice(0, 107)}...` : short} → ${outcome}`);
};

const at = (name: string): string => quote(join(canary, name));

/** Refused by its tree: none of it is run. `C` stands for a file beside the store. */
const REFUSED: readonly string[] = [
  // Writing
  `copy records to C.csv`,
  `copy (select 1) to C.parquet (format parquet)`,
  `explain analyze copy (select 1) to C.new`,
  `explain select 1`,
  `export database C.dir`,
  `import database C.dir`,
  `attach C.db`,
  `attach ':memory:' as m`,
  `detach memory`,
  `create table t as select 1`,
  `create view v as select 1`,
  `create macro m() as (select 1)`,
  `create or replace view records as select 1`,
  `create secret (type s3)`,
  `create type t as enum ('a')`,
  `create sequence s`,
  `insert into records select * from records`,
  `update records set user_id = 'x'`,
  `delete from records`,
  `drop view records`,
  `alter table records rename to r`,
  `vacuum`,
  `checkpoint`,
  `begin; drop view records; commit`,
  `with t as (delete from records returning *) select * from t`,
  // Settings, extensions, the engine's own
  `set memory_limit = '1TB'`,
  `set enable_external_access = true`,
  `reset lock_configuration`,
  `pragma threads = 64`,
  `pragma enable_profiling`,
  `call enable_logging()`,
  `use system`,
  `install httpfs`,
  `load C.ext`,
  `force install httpfs from 'http://127.0.0.1:9'`,
  `select * from enable_logging(storage = 'file', storage_config = {'path': C.log})`,
  `from disable_logging()`,
  `select * from set_config('memory_limit', '1TB')`,
  `from duckdb_settings()`,
  `from duckdb_secrets()`,
  `from duckdb_extensions()`,
  `from duckdb_views`,
  `from duckdb_logs`,
  `from duckdb_temporary_files()`,
  `from pragma_database_list`,
  `from pragma_table_info('records')`,
  `from pragma_storage_info('records')`,
  `from information_schema.tables`,
  `from system.information_schema.columns`,
  `from pg_catalog.pg_class`,
  `from sqlite_master`,
  `show all tables`,
  `select current_setting('temp_directory')`,
  `select getvariable('x')`,
  `set variable x = 1`,
  `select getenv('HOME')`,
  `select current_query()`,
  `select nextval('s')`,
  `select txid_current()`,
  `select write_log('x')`,
  `select error('x')`,
  `select sleep_ms(100000)`,
  `select random(), uuid(), setseed(0.5)`,
  `select in_search_path('memory', 'main')`,
  // Files
  `from C.csv`,
  `from C.parquet`,
  `select * from "C.csv"`,
  `from read_text(C.txt)`,
  `from read_blob(C.txt)`,
  `from read_csv(C.csv)`,
  `from read_csv_auto(C.csv)`,
  `from read_json(C.json)`,
  `from read_json_objects(C.json)`,
  `from read_ndjson(C.json)`,
  `from read_parquet(C.parquet)`,
  `from parquet_scan(C.parquet)`,
  `from parquet_metadata(C.parquet)`,
  `from parquet_kv_metadata(C.parquet)`,
  `from parquet_schema(C.parquet)`,
  `from parquet_file_metadata(C.parquet)`,
  `from parquet_bloom_probe(C.parquet, 'a', 'b')`,
  `from sniff_csv(C.csv)`,
  `from glob(C.*)`,
  `from read_duckdb(C.db)`,
  `from sqlite_scan(C.db, 'x')`,
  `from read_text('/proc/self/environ')`,
  `from read_text('/proc/self/fd/20')`,
  `from read_csv('http://127.0.0.1:9/x')`,
  `describe C.csv`,
  `summarize C.parquet`,
  `describe select * from C.csv`,
  `summarize from read_text(C.txt)`,
  `select * from records, read_text(C.txt)`,
  `select * from records where user_id in (select content from read_text(C.txt))`,
  `select (select content from read_text(C.txt))`,
  `select exists (from read_text(C.txt))`,
  `with r as (from read_text(C.txt)) select * from r`,
  `with recursive r as (select 1 union all from read_text(C.txt)) select * from r`,
  `select 1 union all select content from read_text(C.txt)`,
  `select 1 order by (select content from read_text(C.txt))`,
  `select 1 limit (select size from read_text(C.txt))`,
  `select sum((select size from read_text(C.txt))) over ()`,
  `select list_transform([1], lambda x: (select content from read_text(C.txt)))`,
  `select columns(lambda c: c = (select content from read_text(C.txt))) from records`,
  `from records positional join read_text(C.txt)`,
  `from records asof join read_csv(C.csv) c on records.ts > c.a`,
  `from lateral (from read_text(C.txt))`,
  `values ((select content from read_text(C.txt)))`,
  `from (values (1)) v, lateral read_text(C.txt)`,
  // SQL in SQL
  `from query('select 42')`,
  `from query_table('records')`,
  `from query_table([C.csv])`,
  `from json_execute_serialized_sql('{}')`,
  `select json_serialize_sql('select 1')`,
  `select json_deserialize_sql('{}')`,
  `select json_serialize_plan('select 1')`,
  `from from_substrait('')`,
  `from sql_auto_complete('sel')`,
  `select parse_duckdb_log_message('a', 'b')`,
  `prepare p as select 1`,
  `execute p`,
  `deallocate p`,
  `call pragma_version()`,
  `pivot records on status using count(*)`,
  `unpivot (select 1 a, 2 b) on a, b`,
  // More than one, and what hides it
  `select 1; select 2`,
  `select 1;; copy records to C.new`,
  `select 1 /* ; */; copy records to C.new`,
  `select $$;$$; drop view records`,
  `select $x$ $$; $x$; drop view records`,
  `select 1 -- ;\n; drop view records`,
  `select '\\'; drop view records --'`,
  `select E'\\''; drop view records --'`,
  ``,
  `;`,
  `-- nothing`,
  // Names
  `from main.records`,
  `from memory.main.records`,
  `from memory.records`,
  `from temp.records`,
  `from records at (version => 1)`,
  `from lines`,
  `from recordz`,
  `with records as (select 1) from records`,
  `with requests as (select 1) from requests`,
  `with duckdb_settings as (select 1) from duckdb_settings`,
  `with pg_class as (select 1) from pg_class`,
  `with "c.csv" as (select 1) from "c.csv"`,
  `with "${canary}/c.csv" as (select 1) from "${canary}/c.csv"`,
  `select main.getenv('HOME')`,
  `select system.main.lower('A')`,
  `select x.lower('A')`,
  `select "GETENV"('HOME')`,
  `select 'HOME'.getenv()`,
  `select apply(['HOME'], lambda x: getenv(x))`,
  `select list_aggregate([1], 'sum'), getenv('HOME')`,
];

const filled = (sql: string): string =>
  sql.replaceAll(/C\.([a-z*]+)/g, (_, suffix: string) => at(`c.${suffix}`));

test(`${REFUSED.length} statements are refused by their tree, before any of it is run`, async () => {
  await withEngine({}, async db => {
    for (const sql of REFUSED) {
      const answer = await guard(db, filled(sql)).then(
        () => 'answered',
        (error: unknown) => (error instanceof AuditError ? error : assert.fail(String(error))),
      );
      assert.ok(typeof answer === 'object', `not refused: ${sql}`);
      // What this engine doesn't even parse is as good as refused.
      assert.ok(['SQL_REFUSED', 'SQL_ERROR'].includes(answer.code), sql);
      assert.equal(answer.exit, 2);
      note(sql, `refused: ${answer.message.split('\n')[0]!.replace(/^refused: /, '')}`);
    }
  });
  assert.deepEqual(untouched(), whole);
});

test('of all functions that the engine has, none that reads, writes, waits or rolls dice may be called', async () => {
  await withEngine({}, async db => {
    const rows = await db.runAndReadAll(
      `SELECT DISTINCT function_name, function_type IN ('table', 'pragma', 'table_macro') FROM duckdb_functions()
       WHERE function_type IN ('table', 'pragma', 'table_macro') OR stability = 'VOLATILE'
         OR regexp_matches(function_name, 'env|setting|secret|read_|glob|query|sql|nextval|currval|sleep|random|uuid|plan|write')`,
    );
    const allowed: string[] = [];
    for (const [name, isTable] of rows.getRows()) {
      const sql = isTable === true ? `FROM "${String(name)}"()` : `SELECT "${String(name)}"()`;
      await guard(db, sql).then(
        () => allowed.push(String(name)),
        () => undefined,
      );
    }
    assert.ok(rows.currentRowCount > 90, `${rows.currentRowCount}`);
    assert.deepEqual(allowed.sort(), ['generate_series', 'json_each', 'json_tree', 'range', 'unnest']);
  });
});

test('a clock is known as one without its parentheses too; lists, structs and EXTRACT may be written', async () => {
  await withEngine({}, async db => {
    for (const sql of ['select current_date', 'select localtimestamp', 'select now()', 'select today()'])
      assert.equal((await guard(db, sql)).unrepeatable.length, 1, sql);
    const plain = await guard(
      db,
      "select [1, 2], {a: 1}.a, extract(hour from ts at time zone 'UTC') from records",
    );
    assert.deepEqual(plain.unrepeatable, []);
  });
});

/** The second wall: the engine as it is when a query runs, without guard(). What it lets through is why there is a first. */
test('behind the guard, the locked engine opens no other file, changes no setting and loads nothing', async () => {
  const tries = REFUSED.filter(sql =>
    /C\.|'\/proc|http|^(?:set|reset|pragma t|install|load|force)/.test(sql),
  );
  assert.ok(tries.length > 40);
  await withEngine({ temporary: join(temporary, 'second') }, async db => {
    await db.run('CREATE VIEW records AS SELECT now() AS ts, 1 AS seq, NULL::VARCHAR AS user_id');
    // Nothing that a descriptor of this process may lead to by chance.
    await allowFiles(db, temporary, [], [join(temporary, 'allowed')]);
    await lockEngine(db);
    for (const sql of tries) {
      // A path it may not write aborts the whole process: only guard() stands before that.
      if (sql.includes('enable_logging')) continue;
      const answer = await answerOf(db, filled(sql));
      assert.ok(!answer.includes(SECRET), sql);
      const harmless = sql.startsWith('set variable');
      if (!harmless) assert.match(answer, /^refused/, sql);
    }
  });
  assert.deepEqual(untouched(), whole);
});

async function answerOf(db: DuckDBConnection, sql: string): Promise<string> {
  try {
    return JSON.stringify((await db.runAndReadAll(sql)).getRows().map(row => row.map(String)));
  } catch (error) {
    return `refused ${error instanceof Error ? error.message : ''}`;
  }
}

async function ask(sql: string, ...args: readonly string[]): Promise<Run> {
  const format = args.includes('-o') ? [] : ['--format', 'json'];
  const run = await box.run(['query', '-', ...format, ...args], sql, { TMPDIR: temporary });
  outputs.push(run.stdout, run.stderr);
  return run;
}

const codeOf = ({ stderr }: Run): string => (JSON.parse(stderr) as { error: { code: string } }).error.code;

test('a value of a parameter is a value, whatever stands in it', async () => {
  const evil = `'; drop view records; select * from read_text('${canary}/c.txt') --`;
  const sql = 'select $a as a, count(*) as n from records where user_id = $a';
  const run = await ask(sql, '--param', `a=${evil}`);
  assert.deepEqual(JSON.parse(run.stdout), [{ a: evil, n: 0 }]);
  note('--param a="\'; drop view records; ..."', 'answered: the text itself');
});

test("a condition of search can't get out of its parentheses", async () => {
  const search = async (...args: readonly string[]): Promise<Run> => {
    const counted = args.includes('--group-by') ? [] : ['--count'];
    const run = await box.run(['search', ...args, ...counted, '--format', 'json'], '', { TMPDIR: temporary });
    outputs.push(run.stdout, run.stderr);
    return run;
  };
  const inside = await search('--user', 'u-1', '--where', "output_tokens > 5 or status = 'ok' -- so");
  assert.deepEqual(JSON.parse(inside.stdout), [{ records: 17 }]);
  const tries = [
    'true) or (true',
    'true) union all select 1 -- ',
    'true) or true --',
    `true) union all select content from read_text(${at('c.txt')}) --`,
    'true; drop view records',
    `user_id in (select content from read_text(${at('c.txt')}))`,
    'true /*',
    "true) or ('",
  ];
  await Promise.all(
    tries.map(async where => {
      const run = await search('--user', 'u-1', '--where', where);
      assert.equal(run.code, 2, `${where}: ${run.stdout}`);
      assert.match(codeOf(run), /^SQL_(?:ERROR|REFUSED)$/);
      assert.equal(run.stdout, '');
      note(`search --user u-1 --where "${where}"`, `refused: ${codeOf(run)}`);
    }),
  );
  // What is exported or redacted is found by it too.
  const verbs = [['export'], ['redact', '--reason', 'x', '--dry-run']];
  for (const verb of verbs) {
    const run = await box.run([...verb, '--user', 'u-1', '--where', 'true) or (true'], '', {
      TMPDIR: temporary,
    });
    outputs.push(run.stdout, run.stderr);
    assert.deepEqual([run.code, run.stdout], [2, ''], verb.join(' '));
  }
  const user = await search('--user', "u-1' or '1'='1");
  assert.deepEqual(JSON.parse(user.stdout), [{ records: 0 }]);
  for (const columns of ['user_id,(select 1)', '"user_id"', 'user_id from records --'])
    assert.equal((await search('--group-by', columns)).code, 2, columns);
});

test('a saved query is a name, not a path', async () => {
  for (const name of ['@../canary/c', `@${canary}/c`, '@c.sql', '@', '@usage-by-user/../../x']) {
    const run = await box.run(['query', name, '--format', 'json'], '', { TMPDIR: temporary });
    outputs.push(run.stdout, run.stderr);
    assert.deepEqual([run.code, codeOf(run)], [2, 'NO_SUCH_QUERY'], name);
    note(`query ${name.replace(canary, 'C')}`, 'refused: NO_SUCH_QUERY');
  }
});

test('-o replaces a link, not what it points at; an answer that fails leaves what was there', async () => {
  const out = box.path('out');
  mkdirSync(out);
  const link = join(out, 'answer.parquet');
  symlinkSync(join(canary, 'c.parquet'), link);
  assert.equal((await ask('select 7 as n from records limit 1', '-o', link)).code, 0);
  assert.equal(readFileSync(link).subarray(0, 4).toString(), 'PAR1');
  assert.deepEqual(untouched()[join(canary, 'c.parquet')], whole[join(canary, 'c.parquet')]);
  const kept = readFileSync(link);
  assert.equal((await ask('select n::INT from (select user_id as n from records)', '-o', link)).code, 2);
  assert.equal((await ask('select 1 from nowhere', '-o', link)).code, 2);
  assert.deepEqual(readFileSync(link), kept);
  assert.deepEqual(readdirSync(out), ['answer.parquet']);
  note('-o LINK to another file', 'the link is replaced, the file stays');
});

test('names of columns are text in every format', async () => {
  const name = `<script>alert(1)</script>\n"|,=1+1\u001b[2J`;
  const sql = `select 1 as "${name.replaceAll('"', '""')}", 2 as "a""); copy (select 1) to 'x' (format csv); --" from records limit 1`;
  const formats = ['csv', 'html', 'markdown', 'table', 'json', 'ndjson'];
  const runs = await Promise.all(formats.map(f => ask(sql, '--format', f)));
  const [csv, html, markdown, table, json] = runs.map(r => r.stdout) as [
    string,
    string,
    string,
    string,
    string,
  ];
  assert.deepEqual(
    runs.map(r => r.code),
    formats.map(() => 0),
  );
  assert.ok(csv.startsWith(`"${name.replaceAll('"', '""')}",`));
  assert.ok(!/<script/i.test(html) && !/<script/i.test(markdown));
  assert.equal(markdown.trimEnd().split('\n').length, 3, markdown);
  assert.ok(
    !table.includes('\u001b') && !markdown.includes('\u001b') && !html.includes('\u001b'),
    'no escape sequence',
  );
  assert.equal(Object.keys((JSON.parse(json) as [object])[0])[0], name);
  const file = box.path('out', 'names.parquet');
  assert.equal((await ask(sql, '-o', file)).code, 0);
  const names = await withEngine({}, async db =>
    (await db.runAndReadAll(`DESCRIBE FROM read_parquet(${quote(file)})`)).getRows().map(r => String(r[0])),
  );
  assert.equal(names[0], name);
  note('select 1 as "<script>... \\n \\e[2J"', 'text in csv, html, markdown, table, json, parquet');
});

test('the process of a query has no environment and no descriptors but its own', async () => {
  const { child, done } = box.start(
    ['query', 'select count(*) from range(10000000000000)', '--timeout', '20s'],
    {
      env: { TMPDIR: temporary, SECRET },
    },
  );
  const pid = await childOf(child.pid!);
  const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .map(v => v.split('=')[0]!);
  assert.deepEqual(
    names.filter(name => name !== '' && name !== 'PWD' && !name.startsWith('NODE_CHANNEL_')),
    [],
  );
  const strange = (): string[] =>
    linksOf(pid).filter(l => !/^(?:\/dev\/null|anon_inode:|pipe:|socket:|\/proc\/)/.test(l));
  // A folder is open while it is made.
  for (let tries = 0; strange().length > 0 && tries < 200; tries++) await new Promise(r => setTimeout(r, 25));
  assert.deepEqual(strange(), []);
  assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max core file size +0 +0/);
  child.kill('SIGINT');
  assert.equal((await done).code, 130);
});

test('the process of a query ends with its parent, whatever ends that and whatever the engine is at', async () => {
  const { child, done } = box.start(['query', 'select count(*) from range(10000000000000)'], {
    env: { TMPDIR: temporary },
  });
  const pid = await childOf(child.pid!);
  child.kill('SIGKILL');
  await done;
  for (let tries = 0; isAlive(pid); tries++) {
    if (tries === 800) {
      process.kill(pid, 'SIGKILL');
      assert.fail('it goes on after 20 s');
    }
    await new Promise(r => setTimeout(r, 25));
  }
  assert.deepEqual(readdirSync(temporary), []);
});

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));

function linksOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

async function childOf(parent: number): Promise<number> {
  for (let tries = 0; tries < 400; tries++) {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
    const pid = Number(children.split(' ')[0]);
    if (pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('child.js')) {
      // It has loaded the engine, and is at its query.
      await new Promise(r => setTimeout(r, 700));
      return pid;
    }
    await new Promise(r => setTimeout(r, 25));
  }
  throw new Error('no query process');
}

test('after all of it: the canary was never told, the store is as it was, nothing is left behind', async () => {
  for (const output of outputs) assert.ok(!output.includes(SECRET));
  const now = untouched();
  for (const [path, digest] of Object.entries(whole)) assert.equal(now[path], digest, path);
  const more = Object.keys(now).filter(path => whole[path] === undefined);
  assert.deepEqual(
    more.filter(path => !path.startsWith(box.path('out'))),
    [],
  );
  assert.deepEqual(readdirSync(temporary), []);
  assert.equal((await box.run(['verify', '--records'])).code, 0);
});
