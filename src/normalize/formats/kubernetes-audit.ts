import type { Adapter } from '../adapter.ts';

/**
 * Kubernetes' audit log (audit.k8s.io/v1 Event, kubernetes/apiserver). A request is told of at several stages under one auditID:
 * only the last one is a record. Objects that were sent and answered are content. `p_event_time` is Panther's, for lines that it
 * has shortened.
 */
export const kubernetesAudit: Adapter = {
  name: 'kubernetes-audit',
  about: 'Kubernetes audit events',
  basis: 'seen',
  example:
    '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a-1","stage":"ResponseComplete","verb":"get","user":{"username":"ana"},"sourceIPs":["192.0.2.7"],"requestURI":"/api/v1/pods","responseStatus":{"code":200},"requestReceivedTimestamp":"2026-05-01T00:00:07.603000Z","stageTimestamp":"2026-05-01T00:00:07.610000Z"}',
  fills: [
    'http_status',
    'error_type',
    'request_id',
    'user_id',
    'user_kind',
    'client_ip',
    'user_agent',
    'operation',
    'endpoint',
    'latency_us',
  ],
  recognizes(source) {
    const version = source.get('apiVersion');
    return typeof version === 'string' && version.startsWith('audit.k8s.io/') && source.has('auditID');
  },
  read(draft) {
    const stage = draft.peek('stage');
    if (stage === 'RequestReceived' || stage === 'ResponseStarted') return 'not_a_request';
    draft.set('event_type', 'admin');
    draft.set('latency_us', draft.between('requestReceivedTimestamp', 'stageTimestamp'));
    draft.time('requestReceivedTimestamp', 'stageTimestamp', 'p_event_time');
    draft.column('request_id', 'auditID');
    draft.column('user_id', 'user.username');
    if (draft.record.user_id?.startsWith('system:serviceaccount:') === true)
      draft.set('user_kind', 'service');
    draft.column('user_agent', 'userAgent');
    draft.column('operation', 'verb');
    draft.column('endpoint', 'requestURI');
    draft.column('http_status', 'responseStatus.code');
    draft.column('error_type', 'responseStatus.reason');
    const addresses = draft.peek('sourceIPs');
    const [first] = Array.isArray(addresses) ? addresses : [];
    const isAlone = Array.isArray(addresses) && addresses.length === 1;
    if (typeof first === 'string' && draft.constant('client_ip', first) && isAlone) draft.take('sourceIPs');
    draft.statusFromHttp();
    // Switching protocols is how exec and port-forward begin.
    if (draft.record.http_status === 101) draft.set('status', 'ok');
    draft.ignoreValue('kind', 'Event');
    draft.ignoreValue('stage', 'ResponseComplete');
    draft.drop('requestObject', 'responseObject', 'responseStatus.message', 'requestURI');
    return undefined;
  },
};
