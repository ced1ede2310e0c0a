import { quote } from '../duck/engine.ts';
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
  /** The same, where what lasts is asked for up to a time (RFC 3339). */
  readonly fromUntil?: (until: string) => string;
  /** Views that it needs beside records. */
  readonly tables?: readonly string[];
  /** Seconds before a row of it that what is in it comes from. */
  readonly lookback?: number;
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

/** Hours of a pause that are looked at: what is expected of a longer one is more than of these. */
const LONGEST_LOOKED_AT = 28 * 24;
/** Of weeks, what is usual. */
const USUAL_SECONDS = 28 * 86_400;

/**
 * Pauses of a source of ten minutes or more: ts (the next record, or where the pause lasts, see below), from_ts (the last record
 * before), seconds, expected: how many records usually come in such hours of the week, by the median of the weeks. event_id
 * and seq are of the last record before, so that a silence that lasts is the same one each time it is asked for.
 *
 * A pause that lasts ends at the newest record of all sources, or where that is later at `end`, less the time in which nine of ten segments
 * with records of the source were sealed: what comes once a day is not silent for a day. Where its last record was sealed over a day
 * after it happened, it was imported: nobody knows of what comes next, and its pause ends at the newest record of what was imported.
 */
const silencesFrom = (
  end: string,
): string => `(WITH told AS NOT MATERIALIZED (SELECT * FROM records WHERE source_format <> 'slmaudit' AND ts_quality <> 'ingest'),
    minutes AS (SELECT source_id, epoch_us(ts) // 60000000 AS minute, count(*) AS n, min(ts) AS first_ts, max(ts) AS last_ts, max(seq) AS last_seq
      FROM told GROUP BY source_id, minute),
    hours AS (SELECT source_id, make_timestamptz(minute // 60 * 3600000000) AS hour, sum(n) AS n FROM minutes GROUP BY ALL),
    weeks AS (SELECT w.source_id, week + to_hours(k) AS hour
      FROM (SELECT DISTINCT source_id, date_trunc('week', hour) AS week FROM hours) w CROSS JOIN (SELECT unnest(range(168)) AS k)
      JOIN (SELECT source_id, min(hour) AS first, max(hour) AS last FROM hours GROUP BY ALL) USING (source_id)
      WHERE week + to_hours(k) BETWEEN first AND last),
    usual AS (SELECT source_id, isodow(hour) AS weekday, hour(hour) AS of_day, median(coalesce(n, 0)) AS n
      FROM weeks LEFT JOIN hours USING (source_id, hour) GROUP BY ALL),
    sealing AS (SELECT source_id, quantile_disc(epoch_us(sealed_at) - epoch_us(from_ts), 0.9) AS us
      FROM (SELECT unnest(sources) AS source_id, sealed_at, from_ts FROM segments
        WHERE from_ts IS NOT NULL AND sealed_at >= (SELECT max(sealed_at) FROM segments) - INTERVAL 28 DAY) GROUP BY source_id),
    last AS (SELECT source_id, max(last_ts) AS last_ts, arg_max(last_seq, minute) AS seq FROM minutes GROUP BY source_id),
    sealed AS (SELECT source_id, last_ts, coalesce(sealed_at - last_ts > INTERVAL 1 DAY, false) AS late,
        CASE WHEN sealed_at IS NOT NULL THEN make_timestamptz(epoch_us(${end}) - us) END AS ends
      FROM last LEFT JOIN segments ON seq BETWEEN first_seq AND first_seq + records - 1 LEFT JOIN sealing USING (source_id)),
    open AS (SELECT source_id, CASE WHEN late THEN max(CASE WHEN late THEN last_ts END) OVER () ELSE greatest(max(last_ts) OVER (), ends) END AS ends FROM sealed),
    pauses AS (SELECT coalesce(next, ends) AS ts, last_ts AS from_ts, source_id
      FROM (SELECT *, lead(first_ts) OVER (PARTITION BY source_id ORDER BY minute) AS next FROM minutes) JOIN open USING (source_id)),
    long AS MATERIALIZED (SELECT * FROM pauses WHERE epoch_us(ts) - epoch_us(from_ts) >= ${SHORTEST_PAUSE} * 1000000),
    parts AS (SELECT *, unnest(generate_series(date_trunc('hour', from_ts), least(ts, from_ts + INTERVAL ${LONGEST_LOOKED_AT} HOUR), INTERVAL 1 HOUR)) AS hour
      FROM long),
    lasts AS (SELECT source_id, ts AS from_ts, min(event_id) AS event_id, min(seq) AS seq
      FROM told SEMI JOIN (SELECT source_id, from_ts AS ts FROM long) USING (source_id, ts) GROUP BY ALL)
    SELECT p.ts, from_ts, event_id, seq, source_id, (epoch_us(p.ts) - epoch_us(from_ts)) / 1000000 AS seconds,
      sum(n * greatest(0, epoch(least(p.ts, hour + INTERVAL 1 HOUR)) - epoch(greatest(from_ts, hour))) / 3600) AS expected,
      NULL::VARCHAR AS user_id, NULL::VARCHAR AS client_ip, NULL::VARCHAR AS api_key_id
    FROM parts p JOIN lasts USING (source_id, from_ts)
      LEFT JOIN (SELECT source_id AS source, weekday, of_day, n FROM usual) ON source = source_id AND weekday = isodow(hour) AND of_day = hour(hour)
    GROUP BY ALL)`;

/** Of pauses; one that lasts goes up to the newest entry of the log, or to when it is asked. */
const SILENCES: Source = {
  from: silencesFrom('(SELECT max("at") FROM entries)'),
  fromUntil: until => silencesFrom(`TIMESTAMPTZ ${quote(until)}`),
  ...others({ ts: 'time', from_ts: 'time', source_id: 'text', seconds: 'number', expected: 'number' }),
  begins: 'from_ts',
  tables: ['segments', 'entries'],
  told: [...TOLD, 'entry', 'kind', 'records'],
  lookback: USUAL_SECONDS,
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
  tables: ['entries'],
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
