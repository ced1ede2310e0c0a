import { microsOf } from '../record/time.ts';
import { type AuditRecord, COLUMNS } from '../record/schema.ts';
import type { Form } from './form.ts';

const EVENT = 'gen_ai.client.inference.operation.details';
const ERROR = 17;
const INFO = 9;
const TRACE = /^(?!0{32})[0-9a-f]{32}$/;

/**
 * One OTLP-JSON log record a line, with GenAI attributes (semantic conventions 1.41). Not spans: a span needs ids that most records don't
 * have, and evidence is nothing to invent. What has no name there keeps ours, `slmaudit.<column>`.
 */
export const otel: Form = {
  about: 'OTLP-JSON log records with GenAI attributes, one export request a line',
  line(record, seq) {
    const { ts, event_type: type, source_id: source, status, trace_id: trace } = record;
    const isTrace = trace !== undefined && TRACE.test(trace);
    return JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [attribute('service.name', source)] },
          scopeLogs: [
            {
              scope: { name: 'slmaudit' },
              logRecords: [
                {
                  timeUnixNano: `${microsOf(ts)}000`,
                  severityNumber: status === 'ok' || status === 'unknown' ? INFO : ERROR,
                  eventName: type === 'inference' ? EVENT : `slmaudit.${type}`,
                  ...(isTrace && { traceId: trace }),
                  attributes: [
                    ...(seq === null ? [] : [attribute('slmaudit.seq', seq)]),
                    ...attributesOf(record, isTrace),
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
  },
};

interface Attribute {
  readonly key: string;
  readonly value: object;
}

function attributesOf(record: AuditRecord, isTrace: boolean): Attribute[] {
  const said: ReadonlySet<string> = new Set(['ts', 'source_id', ...(isTrace ? ['trace_id'] : [])]);
  return COLUMNS.flatMap(({ name }) => {
    const value = record[name];
    if (value === undefined || said.has(name)) return [];
    const known = record.event_type === 'inference' ? (INFERENCE[name] ?? COMMON[name]) : COMMON[name];
    if (typeof known === 'string') return [attribute(known, value)];
    return [known ? known(value) : attribute(`slmaudit.${name}`, value)];
  });
}

type Named = string | ((value: string | number | boolean) => Attribute);

const seconds =
  (key: string) =>
  (micros: string | number | boolean): Attribute => ({ key, value: { doubleValue: Number(micros) / 1e6 } });

const COMMON: Readonly<Partial<Record<string, Named>>> = {
  http_status: 'http.response.status_code',
  error_type: 'error.type',
  user_id: 'enduser.id',
  session_id: 'session.id',
  client_ip: 'client.address',
  user_agent: 'user_agent.original',
  endpoint: 'url.path',
};

const OPERATIONS: Readonly<Record<string, string>> = {
  chat: 'chat',
  completion: 'text_completion',
  embedding: 'embeddings',
  rerank: 'rerank',
};

const INFERENCE: Readonly<Partial<Record<string, Named>>> = {
  session_id: 'gen_ai.conversation.id',
  operation: name => {
    const known = OPERATIONS[String(name)];
    return known === undefined
      ? attribute('slmaudit.operation', name)
      : attribute('gen_ai.operation.name', known);
  },
  request_id: 'gen_ai.response.id',
  model: 'gen_ai.response.model',
  model_requested: 'gen_ai.request.model',
  provider: 'gen_ai.provider.name',
  input_tokens: 'gen_ai.usage.input_tokens',
  output_tokens: 'gen_ai.usage.output_tokens',
  cached_tokens: 'gen_ai.usage.cache_read.input_tokens',
  reasoning_tokens: 'gen_ai.usage.reasoning.output_tokens',
  stream: 'gen_ai.request.stream',
  finish_reason: reason => ({
    key: 'gen_ai.response.finish_reasons',
    value: { arrayValue: { values: [{ stringValue: String(reason) }] } },
  }),
  // Of latencies the conventions name only the first chunk's; the other two are vLLM's.
  ttft_us: seconds('gen_ai.response.time_to_first_chunk'),
  latency_us: seconds('gen_ai.latency.e2e'),
  queue_us: seconds('gen_ai.latency.time_in_queue'),
};

function attribute(key: string, value: string | number | boolean): Attribute {
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  return { key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } };
}
