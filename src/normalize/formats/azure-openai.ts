import type { Adapter } from '../adapter.ts';
import type { Draft } from '../draft.ts';
import { readBody } from './openai.ts';

const OPERATIONS: readonly [RegExp, string][] = [
  [/ChatCompletions|Responses/i, 'chat'],
  [/Completions/i, 'completion'],
  [/Embeddings/i, 'embedding'],
];

/**
 * Azure diagnostic logs: `RequestResponse` of Azure OpenAI, without tokens, and `GatewayLogs` of an API Management in front
 * of it, whose bodies have them (elastic/integrations, packages/azure_openai, test files of 2024; Microsoft Learn, "Monitor Azure
 * OpenAI"). Times are .NET ticks, beyond 2^53; addresses of RequestResponse are masked and stay in `extra`.
 */
export const azureOpenai: Adapter = {
  name: 'azure-openai',
  about: 'Azure OpenAI diagnostics, and API Management gateway logs',
  basis: 'documented',
  example:
    '{"category":"RequestResponse","time":"2026-05-01T00:00:08.0000000Z","correlationId":"c-1","durationMs":512,"operationName":"ChatCompletions_Create","resultSignature":"200","properties":{"requestTime":639131904076030000,"modelDeploymentName":"small","modelName":"phi-4-mini","modelVersion":"1","streamType":"Non-Streaming"}}',
  fills: [
    'http_status',
    'error_type',
    'finish_reason',
    'request_id',
    'client_ip',
    'operation',
    'endpoint',
    'model',
    'model_version',
    'model_requested',
    'provider',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'cached_tokens',
    'reasoning_tokens',
    'stream',
    'latency_us',
  ],
  recognizes(source) {
    const category = source.get('category');
    return (category === 'RequestResponse' || category === 'GatewayLogs') && source.has('correlationId');
  },
  read(draft) {
    draft.unfold('properties');
    draft.set('provider', 'azure.ai.openai');
    draft.column('request_id', 'correlationId');
    draft.column('client_ip', 'callerIpAddress', 'callerIPAddress', 'CallerIPAddress');
    draft.duration('latency_us', 1000, 'durationMs');
    if (draft.peek('category') === 'GatewayLogs') readGateway(draft);
    else readDiagnostics(draft);
    draft.ignoreValue('category', 'RequestResponse', 'GatewayLogs');
    draft.statusFromHttp();
  },
};

function readDiagnostics(draft: Draft): void {
  draft.column('http_status', 'resultSignature');
  const operation = draft.peek('operationName');
  draft.set(
    'operation',
    OPERATIONS.find(([form]) => typeof operation === 'string' && form.test(operation))?.[1],
  );
  draft.column('model_requested', 'properties.modelDeploymentName');
  draft.column('model', 'properties.modelName');
  draft.column('model_version', 'properties.modelVersion');
  const stream = draft.peek('properties.streamType');
  if (stream === 'Streaming' || stream === 'Non-Streaming') {
    draft.set('stream', stream === 'Streaming');
    draft.take('properties.streamType');
  }
  draft.time('properties.requestTime');
  if (draft.record.ts === undefined) draft.endTime('time');
}

/** Bodies are logged up to a size only: what is no whole JSON is dropped, and tells no tokens. */
function readGateway(draft: Draft): void {
  const p = 'properties';
  draft.column('http_status', `${p}.responseCode`, `${p}.backendResponseCode`);
  draft.endTime('time');
  const url = draft.take(`${p}.url`);
  if (typeof url === 'string') draft.set('endpoint', pathOf(url));
  const operation = draft.peek(`${p}.operationId`);
  draft.set(
    'operation',
    OPERATIONS.find(([form]) => typeof operation === 'string' && form.test(operation))?.[1],
  );
  // The bodies between gateway and model are the same once more.
  for (const [own, back] of [
    ['requestBody', 'backendRequestBody'],
    ['responseBody', 'backendResponseBody'],
  ] as const) {
    if (draft.peek(`${p}.${own}`) === undefined)
      draft.replace(`${p}.${own}`, draft.take(`${p}.${back}`) ?? null);
    draft.unfold(`${p}.${own}`);
  }
  draft.column('model_requested', `${p}.requestBody.model`);
  draft.column('stream', `${p}.requestBody.stream`);
  draft.prompt(`${p}.requestBody.messages`, `${p}.requestBody.prompt`, `${p}.requestBody.input`);
  const id = draft.take(`${p}.responseBody.id`);
  readBody(draft, `${p}.responseBody.`);
  if (typeof id === 'string') draft.replace(`${p}.responseId`, id);
  draft.column(
    'error_type',
    `${p}.responseBody.error.code`,
    `${p}.responseBody.error.type`,
    `${p}.lastErrorReason`,
  );
  if (draft.record.error_type === 'content_filter' || draft.record.finish_reason === 'content_filter')
    draft.set('status', 'refused');
  draft.drop(
    `${p}.requestBody`,
    `${p}.responseBody`,
    `${p}.backendRequestBody`,
    `${p}.backendResponseBody`,
    `${p}.backendUrl`,
    `${p}.requestHeaders`,
    `${p}.responseHeaders`,
    `${p}.backendRequestHeaders`,
    `${p}.backendResponseHeaders`,
  );
}

function pathOf(url: string): string | undefined {
  return /^https?:\/\/[^/?#\s]+(\/[^?#\s]*)?/.exec(url)?.[1] ?? (url.startsWith('/') ? url : undefined);
}
