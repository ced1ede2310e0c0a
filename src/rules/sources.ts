import { COLUMNS, EVENT_TYPES } from '../record/schema.ts';
import { type Field, RECORD_NAMES, RECORD_TEXTS, recordField } from './fields.ts';

/** What the rules of a logsource look at. */
export interface Source {
  /** A relation in SQL with columns ts, seq, event_id, user_id, client_ip, api_key_id and those of its fields. */
  readonly from: string;
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

/** A minute in which a source said something meets the next one; only then can a pause between two records be as long. */
const SHORTEST_PAUSE = 60;
/** Of a source's days the longest pause of each; their median is what is usual. */
const DAYS_OF_RHYTHM = 7;

/**
 * Pauses of a source that are longer than a minute: ts (the next record, or the newest time of the log), from_ts (the last
 * record before), seconds, usual_seconds: the median of the longest pause of each day on which the source came, NULL with less than
 * a week of days; times_usual: their quotient. event_id and seq are of the last record before, so that a silence that lasts is the same one each time it is asked for.
 */
const SILENCES: Source = {
  from: `(SELECT ts, from_ts, event_id, seq, source_id, seconds, usual_seconds, seconds / nullif(usual_seconds, 0) AS times_usual,
      NULL::VARCHAR AS user_id, NULL::VARCHAR AS client_ip, NULL::VARCHAR AS api_key_id
    FROM (SELECT *, CASE WHEN count(*) OVER whose >= ${DAYS_OF_RHYTHM} THEN median(longest) OVER whose END AS usual_seconds
      FROM (SELECT source_id, date_trunc('day', ts) AS day, max(seconds) AS longest,
          list({ts: ts, from_ts: from_ts, event_id: event_id, seq: seq, seconds: seconds})
            FILTER (WHERE seconds > ${SHORTEST_PAUSE}) AS pauses
        FROM (SELECT source_id, coalesce(lead(first_ts) OVER sources, max(last_ts) OVER ()) AS ts, last_ts AS from_ts, event_id, seq,
            (epoch_us(coalesce(lead(first_ts) OVER sources, max(last_ts) OVER ())) - epoch_us(last_ts)) / 1000000 AS seconds
          FROM (SELECT source_id, date_trunc('minute', ts) AS minute, min(ts) AS first_ts, max(ts) AS last_ts,
              arg_max(event_id, ts) AS event_id, arg_max(seq, ts) AS seq
            FROM records WHERE source_format <> 'slmaudit' AND ts_quality <> 'ingest' GROUP BY ALL)
          WINDOW sources AS (PARTITION BY source_id ORDER BY minute))
        GROUP BY ALL)
      WINDOW whose AS (PARTITION BY source_id)), (SELECT unnest(pauses, recursive := true)))`,
  ...others({
    ts: 'time',
    from_ts: 'time',
    source_id: 'text',
    seconds: 'number',
    usual_seconds: 'number',
    times_usual: 'number',
  }),
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
