import type { Adapter } from '../adapter.ts';

/**
 * Observations of Langfuse (langfuse/langfuse, exports and public API v2), alone or as `{trace, observations}`: generations and embeddings are
 * requests, spans are not. `latency` is milliseconds here and seconds elsewhere: it is taken from the times. The time to the first token is known where a
 * stream was watched.
 */
export const langfuse: Adapter = {
  name: 'langfuse',
  about: 'Langfuse observations',
  basis: 'seen',
  example:
    '{"id":"o-1","traceId":"t-1","type":"GENERATION","startTime":"2026-05-01T00:00:07.603Z","endTime":"2026-05-01T00:00:08.115Z","model":"qwen3-4b","usageDetails":{"input":26,"output":12,"total":38},"level":"DEFAULT"}',
  fills: [
    'request_id',
    'trace_id',
    'session_id',
    'user_id',
    'operation',
    'model',
    'prompt_hash',
    'completion_hash',
    'last_user_hash',
    'prompt_chars',
    'completion_chars',
    'input_tokens',
    'output_tokens',
    'latency_us',
    'ttft_us',
    'cost_microusd',
  ],
  recognizes(source) {
    if (source.get('trace') instanceof Map && Array.isArray(source.get('observations'))) return true;
    return source.has('traceId') && source.has('startTime') && typeof source.get('type') === 'string';
  },
  split(source) {
    const observations = source.get('observations');
    const trace = source.get('trace');
    if (!Array.isArray(observations) || !(trace instanceof Map)) return [source];
    return observations.map(o => {
      if (!(o instanceof Map)) return o;
      for (const name of ['userId', 'sessionId']) {
        const value = trace.get(name);
        if (value !== undefined && !o.has(name)) o.set(name, value);
      }
      o.set(
        'trace',
        new Map(
          [...trace].filter(
            ([name]) => !['userId', 'sessionId', 'id'].includes(name) || o.get('traceId') !== trace.get('id'),
          ),
        ),
      );
      return o;
    });
  },
  read(draft) {
    const type = draft.peek('type');
    if (type !== 'GENERATION' && type !== 'EMBEDDING') return 'not_a_request';
    draft.set('operation', type === 'EMBEDDING' ? 'embedding' : 'chat');
    const latency = draft.between('startTime', 'endTime');
    const first = draft.between('startTime', 'completionStartTime');
    draft.set('latency_us', latency);
    if (first !== undefined && first !== latency) draft.set('ttft_us', first);
    if (first !== undefined) draft.ignore('completionStartTime');
    if (latency !== undefined) draft.ignore('endTime', 'latency');
    draft.time('startTime');
    draft.ignoreValue('type', 'GENERATION', 'EMBEDDING');
    draft.column('request_id', 'id');
    draft.column('trace_id', 'traceId');
    draft.column('session_id', 'sessionId');
    draft.column('user_id', 'userId');
    draft.column('model', 'model');
    draft.column('input_tokens', 'usageDetails.input', 'usage.input', 'inputUsage', 'promptTokens');
    draft.column('output_tokens', 'usageDetails.output', 'usage.output', 'outputUsage', 'completionTokens');
    const { input_tokens: input = 0, output_tokens: output = 0 } = draft.record;
    for (const name of ['usageDetails.total', 'usage.total', 'totalUsage', 'totalTokens'])
      draft.ignoreValue(name, input + output);
    draft.ignoreValue('inputUsage', input);
    draft.ignoreValue('outputUsage', output);
    draft.cost('totalCost', 'calculatedTotalCost', 'costDetails.total');
    draft.set('status', draft.peek('level') === 'ERROR' ? 'error' : 'ok');
    draft.ignoreValue('level', 'DEFAULT', 'ERROR');
    draft.unfold('input', 'output');
    draft.prompt('input.messages', 'input');
    draft.completion('output');
    draft.drop('input', 'output', 'statusMessage', 'metadata', 'name');
    return undefined;
  },
};
