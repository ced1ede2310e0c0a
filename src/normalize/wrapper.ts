import type { JsonObject, JsonValue } from '../record/json.ts';

/** What the log's carrier said about a line that it carried. */
export interface Wrapping {
  readonly by: 'docker' | 'cri' | 'cloudwatch' | 'syslog' | 'journald';
  /** When the carrier took the line, for lines that don't say. */
  readonly time?: JsonValue;
  readonly host?: string;
  /** The program's name: syslog's tag, journald's identifier. */
  readonly tag?: string;
  /** journald: the user id that wrote it, which the kernel vouches for. */
  readonly uid?: string;
}

/** What was in it. `more`: the rest of the line comes with a later one of this stream (docker and CRI cut at 16 KiB). */
export interface Unwrapped {
  readonly texts: readonly string[];
  readonly wrapping: Wrapping;
  readonly stream?: string;
  readonly more?: boolean;
}

const text = (value: JsonValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const defined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as never;

/** Undefined for an object that carries no other line. */
export function unwrapObject(source: JsonObject): Unwrapped | undefined {
  return docker(source) ?? cloudwatch(source) ?? journald(source);
}

/** Docker's json-file driver: `{"log":"...\n","stream":"stdout","time":"..."}` (moby, daemon/logger/jsonfilelog). */
function docker(source: JsonObject): Unwrapped | undefined {
  const log = source.get('log');
  const time = source.get('time');
  if (typeof log !== 'string' || typeof time !== 'string') return undefined;
  for (const name of source.keys()) if (!['log', 'stream', 'time', 'attrs'].includes(name)) return undefined;
  const stream = source.get('stream') === 'stderr' ? 'stderr' : 'stdout';
  // A message of more than 16 KiB comes in pieces; only the last one ends with a line feed.
  const more = !log.endsWith('\n') && Buffer.byteLength(log) >= 16_384;
  return {
    texts: [log.replace(/\r?\n$/, '')],
    wrapping: { by: 'docker', time },
    stream,
    ...(more && { more }),
  };
}

/**
 * CloudWatch Logs: a subscription's `{"messageType":"DATA_MESSAGE","logEvents":[...]}`, the answer of filter-log-events
 * `{"events":[...]}`, or one event `{"timestamp":ms,"message":"...","ingestionTime":ms}`
 * (Amazon CloudWatch Logs API Reference, FilterLogEvents; User Guide, "Subscription filters").
 */
function cloudwatch(source: JsonObject): Unwrapped | undefined {
  const events =
    source.get('messageType') === 'DATA_MESSAGE' ? source.get('logEvents') : source.get('events');
  if (Array.isArray(events) && events.length > 0) {
    const messages = events.map(e => (e instanceof Map && e.has('timestamp') ? e.get('message') : undefined));
    if (!messages.every(m => typeof m === 'string')) return undefined;
    const first = events[0];
    const time = first instanceof Map ? first.get('timestamp') : undefined;
    return { texts: messages, wrapping: defined({ by: 'cloudwatch' as const, time }) };
  }
  const message = source.get('message');
  const isEvent =
    typeof message === 'string' &&
    source.has('timestamp') &&
    ['ingestionTime', 'logStreamName', 'eventId'].some(name => source.has(name));
  if (!isEvent) return undefined;
  const time = source.get('timestamp');
  return { texts: [message], wrapping: defined({ by: 'cloudwatch' as const, time }) };
}

/** `journalctl -o json` (systemd, "Journal JSON Format"): all values are text, MESSAGE may be a list of bytes. */
function journald(source: JsonObject): Unwrapped | undefined {
  const time = source.get('__REALTIME_TIMESTAMP');
  if (typeof time !== 'string' || !source.has('MESSAGE')) return undefined;
  const message = source.get('MESSAGE');
  const line = Array.isArray(message) ? bytesAsText(message) : text(message);
  return {
    texts: line === undefined ? [] : [line],
    wrapping: defined({
      by: 'journald' as const,
      time,
      host: text(source.get('_HOSTNAME')),
      tag: text(source.get('SYSLOG_IDENTIFIER')) ?? text(source.get('_COMM')),
      uid: text(source.get('_UID')),
    }),
  };
}

function bytesAsText(message: readonly JsonValue[]): string | undefined {
  if (!message.every(b => typeof b === 'number' && b >= 0 && b < 256)) return undefined;
  return Buffer.from(message as number[]).toString('utf8');
}

const CRI =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?::[^ ]*)? (.*)$/s;
/** RFC 5424: `<34>1 2026-05-01T00:00:07.003Z host app 123 ID47 - message` */
const SYSLOG_5424 =
  /^<\d{1,3}>1 (\S{1,40}) (\S{1,255}) (\S{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]{0,1024}\]) ?(?:\ufeff)?(.*)$/s;
/** RFC 3164 and `journalctl`: `May  1 00:00:07 host app[123]: message`, with or without `<34>`, or with an ISO time. */
const SYSLOG_3164 =
  /^(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)) ([\w.:-]{1,255}) ([\w./@-]{1,64})(?:\[\d{1,10}\])?: (.*)$/s;

/** Undefined for text that stands for itself. */
export function unwrapText(line: string): Unwrapped | undefined {
  const cri = CRI.exec(line);
  if (cri) {
    const [, time, stream, tag, rest] = cri;
    const wrapping = { by: 'cri' as const, time: time! };
    return { texts: [rest!], wrapping, stream: stream!, ...(tag === 'P' && { more: true }) };
  }
  const syslog = SYSLOG_5424.exec(line) ?? SYSLOG_3164.exec(line);
  if (!syslog) return undefined;
  const [, time, host, tag, rest] = syslog;
  return { texts: [rest!], wrapping: { by: 'syslog', time: time!, host: host!, tag: tag! } };
}
