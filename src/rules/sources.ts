import { COLUMNS, EVENT_TYPES } from '../record/schema.ts';
import { type Field, RECORD_NAMES, RECORD_TEXTS, recordField } from './fields.ts';

/** What the rules of a logsource look at. */
export interface Source {
  /** A relation in SQL with columns ts, seq, event_id, user_id, client_ip, api_key_id and those of its fields. */
  readonly from: string;
  /** When a row of it began; else it is of one instant. */
  readonly begins?: string;
  /** What holds for all of it. */
  readonly where?: string;
  readonly field: (name: string) => Field | undefined;
  /** Of fields, for what is misspelled. */
  readonly names: readonly string[];
  /** Expressions that a keyword is looked for in. */
  readonly texts: readonly string[];
  /** A view that it needs beside records. */
  readonly table?: string;
  /** Of what events a rule's tests are told: columns of records, where nothing else is said. */
  readonly told?: readonly string[];
  /** Records that are what a row of it is about: all, those of the same field, none. */
  readonly records: 'rows' | 'around' | 'none';
}

export const TOLD: readonly string[] = COLUMNS.map(c => c.name);

export interface Logsource {
  readonly product?: string;
  readonly category?: string;
  readonly service?: string;
}

export const CATEGORIES: readonly string[] = [...EVENT_TYPES, 'webserver', 'proxy'];
export const SERVICES: readonly string[] = ['records', 'silences', 'entries'];

const RECORDS: Source = {
  from: 'records',
  field: recordField,
  names: RECORD_NAMES,
  texts: RECORD_TEXTS,
  records: 'rows',
};

const others = (
  fields: Readonly<Record<string, Field['kind']>>,
): Pick<Source, 'field' | 'names' | 'texts'> => ({
  field: name =>
    Object.hasOwn(fields, name)
      ? { sql: `"${name}"`, kind: fields[name]!, positive: fields[name] === 'number' }
      : undefined,
  names: Object.keys(fields),
  texts: Object.keys(fields)
    .filter(name => fields[name] === 'text')
    .map(name => `"${name}"`),
});

/** Seconds; shorter pauses are none. */
const SHORTEST_PAUSE = 600;

/**
 * Pauses of a source of ten minutes or more: ts (the next record, or the newest time of all sources), from_ts (the last record
 * before), seconds, expected: how many records usually come in such hours of the week, by the median of the weeks. event_id
 * and seq are of the last record before, so that a silence that lasts is the same one each time it is asked for.
 */
const SILENCES: Source = {
  from: `(WITH told AS NOT MATERIALIZED (SELECT * FROM records WHERE source_format <> 'slmaudit' AND ts_quality <> 'ingest'),
    minutes AS (SELECT source_id, epoch_us(ts) // 60000000 AS minute, count(*) AS n, min(ts) AS first_ts, max(ts) AS last_ts
      FROM told GROUP BY source_id, minute),
    hours AS (SELECT source_id, make_timestamptz(minute // 60 * 3600000000) AS hour, sum(n) AS n FROM minutes GROUP BY ALL),
    weeks AS (SELECT w.source_id, week + to_hours(k) AS hour
      FROM (SELECT DISTINCT source_id, date_trunc('week', hour) AS week FROM hours) w CROSS JOIN (SELECT unnest(range(168)) AS k)
      JOIN (SELECT source_id, min(hour) AS first, max(hour) AS last FROM hours GROUP BY ALL) USING (source_id)
      WHERE week + to_hours(k) BETWEEN first AND last),
    usual AS (SELECT source_id, isodow(hour) AS weekday, hour(hour) AS of_day, median(coalesce(n, 0)) AS n
      FROM weeks LEFT JOIN hours USING (source_id, hour) GROUP BY ALL),
    pauses AS (SELECT coalesce(lead(first_ts) OVER source, max(last_ts) OVER ()) AS ts, last_ts AS from_ts, source_id
      FROM minutes WINDOW source AS (PARTITION BY source_id ORDER BY minute)),
    long AS MATERIALIZED (SELECT * FROM pauses WHERE epoch_us(ts) - epoch_us(from_ts) >= ${SHORTEST_PAUSE} * 1000000),
    parts AS (SELECT *, unnest(generate_series(date_trunc('hour', from_ts), ts, INTERVAL 1 HOUR)) AS hour FROM long),
    lasts AS (SELECT source_id, ts AS from_ts, min(event_id) AS event_id, min(seq) AS seq
      FROM told SEMI JOIN (SELECT source_id, from_ts AS ts FROM long) USING (source_id, ts) GROUP BY ALL)
    SELECT p.ts, from_ts, event_id, seq, source_id, (epoch_us(p.ts) - epoch_us(from_ts)) / 1000000 AS seconds,
      sum(n * greatest(0, epoch(least(p.ts, hour + INTERVAL 1 HOUR)) - epoch(greatest(from_ts, hour))) / 3600) AS expected,
      NULL::VARCHAR AS user_id, NULL::VARCHAR AS client_ip, NULL::VARCHAR AS api_key_id
    FROM parts p JOIN lasts USING (source_id, from_ts)
      LEFT JOIN (SELECT source_id AS source, weekday, of_day, n FROM usual) ON source = source_id AND weekday = isodow(hour) AND of_day = hour(hour)
    GROUP BY ALL)`,
  ...others({ ts: 'time', from_ts: 'time', source_id: 'text', seconds: 'number', expected: 'number' }),
  begins: 'from_ts',
  records: 'around',
};

/** Entries of the log: ts is `at`; seconds_back: how far the clock that sealed stood behind the newest time of the log by then. */
const ENTRIES: Source = {
  from: `(SELECT "at" AS ts, NULL::VARCHAR AS event_id, NULL::BIGINT AS seq, entry, kind, records, text,
      (epoch_us("at") - epoch_us(clock)) / 1000000 AS seconds_back,
      NULL::VARCHAR AS user_id, NULL::VARCHAR AS client_ip, NULL::VARCHAR AS api_key_id FROM entries)`,
  ...others({
    ts: 'time',
    entry: 'number',
    kind: 'text',
    records: 'number',
    text: 'text',
    seconds_back: 'number',
  }),
  table: 'entries',
  told: ['entry', 'kind', 'ts', 'clock', 'records', 'text'],
  records: 'none',
};

/** Undefined for a logsource of others. */
export function sourceOf({ product, category, service }: Logsource): Source | undefined {
  if (product !== undefined && product !== 'slmaudit') return undefined;
  if (category !== undefined && !CATEGORIES.includes(category)) return undefined;
  if (product === undefined && category === undefined) return undefined;
  if (service === 'silences' || service === 'entries')
    return category === undefined ? (service === 'silences' ? SILENCES : ENTRIES) : undefined;
  if (service !== undefined && service !== 'records') return undefined;
  if (category === undefined) return RECORDS;
  // What a web server or a proxy would say is in what it saw and in what a model server says of a request.
  const where = (EVENT_TYPES as readonly string[]).includes(category)
    ? `event_type = '${category}'`
    : `event_type IN ('access', 'inference')`;
  return { ...RECORDS, where };
}
