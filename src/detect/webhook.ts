import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { secondsOf, type Answered } from './deliver.ts';

const MOST_REDIRECTS = 3;
const MOST_SAID = 200;
/** Another try doesn't help. */
const OF_TLS = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO$|HPE_)/;

/**
 * Posts an event. The status alone is the answer: a body is never read, however long or slow it is. A redirect is followed only to
 * where the operator has sent it, the same origin, and only where it keeps the method (307, 308): an answer from outside
 * can't have alerts sent elsewhere, to this machine or to the network behind it.
 */
export async function postEvent(
  url: URL,
  event: string,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<Answered> {
  const deadline = performance.now() + withinMs;
  let at = url;
  for (let redirects = 0; ; redirects++) {
    const said = await post(at, event, deadline - performance.now(), signal);
    if ('is' in said) return said;
    const next = URL.canParse(said.location, at.href) ? new URL(said.location, at) : undefined;
    const isSame = next?.origin === url.origin && said.keeps;
    if (!next || !isSame || redirects === MOST_REDIRECTS)
      return {
        is: 'refused',
        why: `${said.status}, a redirect to ${next ? next.origin : 'nowhere'}, which is not followed`,
        again: false,
      };
    at = next;
  }
}

interface Redirected {
  readonly status: number;
  readonly location: string;
  readonly keeps: boolean;
}

function post(
  url: URL,
  event: string,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<Answered | Redirected> {
  return new Promise(resolve => {
    const body = Buffer.from(event, 'utf8');
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(url, {
      method: 'POST',
      agent: false,
      // Whatever the environment says.
      ...(url.protocol === 'https:' && { rejectUnauthorized: true }),
      headers: {
        'content-type': 'application/cloudevents+json; charset=UTF-8',
        'content-length': body.length,
        'user-agent': 'slmaudit',
      },
    });
    const fail = (why: string, again = true): void => done({ is: 'refused', why, again });
    const timer = setTimeout(() => fail(`no answer within ${secondsOf(withinMs)}`), Math.max(1, withinMs));
    const stop = (): void => fail('interrupted');
    signal?.addEventListener('abort', stop, { once: true });
    const done = (said: Answered | Redirected): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve(said);
      request.destroy();
    };
    request.on('response', response => done(answerOf(response)));
    request.on('error', error => {
      const code = 'code' in error ? String(error.code) : '';
      fail((error.message || code).slice(0, MOST_SAID), !OF_TLS.test(code));
    });
    request.end(body);
  });
}

function answerOf({ statusCode: status = 0, headers }: IncomingMessage): Answered | Redirected {
  if (status >= 200 && status < 300) return { is: 'accepted' };
  if (status >= 300 && status < 400 && headers.location !== undefined)
    return { status, location: headers.location, keeps: status === 307 || status === 308 };
  const after = retryAfter(headers['retry-after']);
  return {
    is: 'refused',
    why: `answered ${status}`,
    again: status >= 500 || [408, 425, 429].includes(status),
    ...(after !== undefined && { afterMs: after }),
  };
}

/** Seconds or a date, as milliseconds from now on. */
function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
