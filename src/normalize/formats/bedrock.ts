import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';

/**
 * Model invocation logs of AWS Bedrock ("Monitor model invocation using CloudWatch Logs and Amazon S3", Amazon Bedrock
 * User Guide; InvocationLog schema 1.0). Counts stand at fixed paths: the same names inside a prompt are its
 * author's. There is no address, and a latency only in the body of Converse. Bodies over 100 KB are pointers to S3.
 */
export const bedrock: Adapter = {
  name: 'bedrock',
  about: 'AWS Bedrock model invocation logs',
  basis: 'seen',
  example:
    '{"schemaType":"ModelInvocationLog","timestamp":"2026-05-01T00:00:07Z","requestId":"r-1","operation":"Converse","modelId":"meta.llama3-8b-instruct-v1:0","identity":{"arn":"arn:aws:iam::111122223333:user/ana"},"input":{"inputTokenCount":26},"output":{"outputTokenCount":12}}',
  fills: [
    'error_type',
    'finish_reason',
    'request_id',
    'user_id',
    'operation',
    'model',
    'provider',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'stream',
    'latency_us',
    'labels',
  ],
  recognizes: source => source.get('schemaType') === 'ModelInvocationLog',
  read(draft) {
    draft.time('timestamp');
    draft.column('request_id', 'requestId');
    draft.column('user_id', 'identity.arn');
    draft.column('model', 'modelId');
    draft.set('provider', 'aws.bedrock');
    draft.column('labels', 'requestMetadata');
    const operation = draft.peek('operation');
    if (typeof operation === 'string') draft.set('stream', operation.endsWith('Stream'));
    const model = draft.record.model ?? '';
    draft.set('operation', /embed/.test(model) ? 'embedding' : /rerank/.test(model) ? 'rerank' : 'chat');
    draft.unfold('input.inputBodyJson', 'output.outputBodyJson');
    readTokens(draft);
    draft.duration('latency_us', 1000, 'output.outputBodyJson.metrics.latencyMs');
    readOutcome(draft);
    draft.promptWithSystem('input.inputBodyJson.messages', 'input.inputBodyJson.system');
    draft.prompt('input.inputBodyJson.prompt', 'input.inputBodyJson.inputText');
    draft.completion('output.outputBodyJson.output.message', 'output.outputBodyJson.generation');
    if (Array.isArray(draft.peek('output.outputBodyJson.content'))) draft.completion('output.outputBodyJson');
    draft.drop('input.inputBodyJson', 'output.outputBodyJson');
    draft.ignoreValue('schemaType', 'ModelInvocationLog');
  },
};

/** Bedrock counts tokens that were read from a cache, or written to one, apart. */
function readTokens(draft: Draft): void {
  draft.column('cached_tokens', 'input.cacheReadInputTokenCount');
  draft.column('output_tokens', 'output.outputTokenCount');
  draft.column('input_tokens', 'input.inputTokenCount');
  const { record } = draft;
  const written = draft.peek('input.cacheWriteInputTokenCount');
  const apart = (record.cached_tokens ?? 0) + (typeof written === 'number' && written > 0 ? written : 0);
  if (record.input_tokens === undefined || apart === 0) return;
  draft.set('input_tokens', record.input_tokens + apart);
  draft.set('usage_source', 'summed');
}

function readOutcome(draft: Draft): void {
  const body = 'output.outputBodyJson';
  draft.column('error_type', 'errorCode');
  draft.column('finish_reason', `${body}.stopReason`, `${body}.stop_reason`);
  const { error_type: error, finish_reason: finish } = draft.record;
  const guarded = draft.peek(`${body}.amazon-bedrock-guardrailAction`) === 'INTERVENED';
  if (error !== undefined) draft.set('status', /AccessDenied|Unauthorized/.test(error) ? 'denied' : 'error');
  else if (guarded || finish === 'guardrail_intervened' || finish === 'refusal')
    draft.set('status', 'refused');
  else if (draft.peek('output') instanceof Map) draft.set('status', 'ok');
}
