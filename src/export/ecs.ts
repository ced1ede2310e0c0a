import type { AuditRecord } from '../record/schema.ts';
import { type Form, isAddress, restOf, some, withRaw } from './form.ts';

const VERSION = '9.5.0';

/** Columns that ECS has fields for; `gen_ai` is beta there and knows no cached or reasoning tokens. */
const rest = restOf([
  'event_id',
  'ts',
  'operation',
  'http_status',
  'error_type',
  'finish_reason',
  'request_id',
  'trace_id',
  'session_id',
  'user_id',
  'client_ip',
  'user_agent',
  'endpoint',
  'model',
  'model_requested',
  'provider',
  'input_tokens',
  'output_tokens',
  'source_format',
]);

/** Elastic Common Schema: `@timestamp`, `event`, `gen_ai` and their like; what it has no field for is in `slmaudit`. */
export const ecs: Form = {
  about: 'Elastic Common Schema documents, with gen_ai fields',
  line(record, seq) {
    const { labels, extra } = record;
    const standard = withRaw(JSON.stringify(standardOf(record, seq)), 'labels', labels);
    const own = withRaw(JSON.stringify(rest(record)), 'extra', extra);
    return withRaw(standard, 'slmaudit', own === '{}' ? undefined : own);
  },
};

function standardOf(r: AuditRecord, seq: number | null): object {
  const isInference = r.event_type === 'inference';
  return {
    '@timestamp': r.ts,
    ecs: { version: VERSION },
    event: {
      id: r.event_id,
      kind: 'event',
      ...KINDS[r.event_type],
      action: r.operation,
      outcome: OUTCOMES[r.status],
      // Nanoseconds; beyond 2^53 they would lose digits, and there is slmaudit.latency_us.
      duration: r.latency_us !== undefined && r.latency_us < 2 ** 43 ? r.latency_us * 1000 : undefined,
      dataset: `slmaudit.${r.event_type}`,
      provider: r.source_format,
      sequence: seq ?? undefined,
    },
    user: some({ id: r.user_id }),
    client: some({ address: r.client_ip, ip: isAddress(r.client_ip) ? r.client_ip : undefined }),
    user_agent: some({ original: r.user_agent }),
    url: some({ path: r.endpoint }),
    http: some({
      request: some({ id: isInference ? undefined : r.request_id }),
      response: some({ status_code: r.http_status }),
    }),
    error: some({ type: r.error_type }),
    trace: some({ id: r.trace_id }),
    gen_ai: isInference ? genAi(r) : undefined,
    ...(isInference ? {} : { service: some({ name: r.provider }), session: some({ id: r.session_id }) }),
  };
}

function genAi(r: AuditRecord): object | undefined {
  return some({
    operation: some({ name: r.operation }),
    provider: some({ name: r.provider }),
    conversation: some({ id: r.session_id }),
    request: some({ model: r.model_requested }),
    response: some({
      id: r.request_id,
      model: r.model,
      finish_reasons: r.finish_reason === undefined ? undefined : [r.finish_reason],
    }),
    usage: some({ input_tokens: r.input_tokens, output_tokens: r.output_tokens }),
  });
}

const KINDS: Readonly<Record<string, object>> = {
  inference: { category: ['api'], type: ['access'] },
  access: { category: ['web'], type: ['access'] },
  auth: { category: ['authentication'], type: ['info'] },
  admin: { category: ['api'], type: ['admin'] },
};

const OUTCOMES: Readonly<Record<string, string>> = {
  ok: 'success',
  error: 'failure',
  denied: 'failure',
  refused: 'failure',
  cancelled: 'failure',
  unknown: 'unknown',
};
