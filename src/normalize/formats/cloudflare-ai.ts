import type { Adapter } from '../adapter.ts';
import { operationOfPath } from './paths.ts';

/**
 * Logs of Cloudflare AI Gateway (Cloudflare API, "List Gateway Logs"): no address, and no user but in `metadata`, which is the
 * customer's and may be text. An answer from the cache cost nothing and took no model.
 */
export const cloudflareAi: Adapter = {
  name: 'cloudflare-ai',
  about: 'Cloudflare AI Gateway logs',
  basis: 'documented',
  example:
    '{"id":"01J","created_at":"2026-05-01T00:00:07.603Z","provider":"workers-ai","model":"@cf/qwen/qwen3","path":"chat/completions","status_code":200,"success":true,"duration":512,"tokens_in":26,"tokens_out":12,"cached":false,"step":0}',
  fills: [
    'http_status',
    'request_id',
    'operation',
    'endpoint',
    'model',
    'provider',
    'input_tokens',
    'output_tokens',
    'latency_us',
    'cost_microusd',
    'labels',
  ],
  recognizes: source => source.has('tokens_in') && source.has('provider') && source.has('step'),
  read(draft) {
    draft.time('created_at');
    draft.duration('latency_us', 1000, 'duration');
    draft.column('request_id', 'id');
    draft.column('provider', 'provider');
    draft.column('model', 'model');
    draft.column('endpoint', 'path');
    const path = draft.record.endpoint;
    draft.set('operation', operationOfPath(path === undefined || path.startsWith('/') ? path : `/${path}`));
    draft.column('http_status', 'status_code');
    draft.column('input_tokens', 'tokens_in');
    draft.column('output_tokens', 'tokens_out');
    draft.cost('cost');
    draft.unfold('metadata');
    draft.column('labels', 'metadata');
    draft.statusFromHttp();
    const success = draft.peek('success');
    if (draft.record.status === undefined && typeof success === 'boolean')
      draft.set('status', success ? 'ok' : 'error');
    draft.drop('request', 'response', 'request_head', 'response_head', 'path');
  },
};
