import type { JsonObject } from '../../record/json.ts';
import type { Draft } from '../draft.ts';

/** A line without the colours that a terminal gets, and without the carriage return before its end. */
export const plain = (text: string): string => text.replaceAll(/\u001b\[[\d;]{0,16}m|\r$/g, '');

/** The members of a line that are there. */
export const members = (values: Readonly<Record<string, string | undefined>>): JsonObject =>
  new Map(Object.entries(values).filter((member): member is [string, string] => member[1] !== undefined));

/** Puts a carrier's time into the member `carried`, where it has a zone: better than a line's own without one. */
export function takeCarried(draft: Draft): void {
  const time = draft.wrapping?.time;
  if (time === undefined) return;
  draft.source.set('carried', time);
  const quality = draft.readTime('carried')?.quality;
  if (quality === undefined || quality === 'assumed_zone') draft.source.delete('carried');
}

/** Levels as uvicorn pads them: level, colon and spaces are ten characters (uvicorn/logging.py, ColourizedFormatter). */
const LEVEL = /^(?:INFO: {5}|DEBUG: {4}|ERROR: {4}|WARNING: {2}|CRITICAL: )(.*)$/s;
const ACCESS = /^(\S{0,255}) - "([A-Z]{1,20}) (\S*) HTTP\/[\d.]{1,5}" (\d{3})(?: [\w' -]{0,60})?$/;
const WEBSOCKET = /^(\S{0,255}) - "WebSocket (\S*)" (?:\[(accepted)\]|(\d{3}))$/;

/**
 * uvicorn's lines: the request of an access line, written when the answer begins, or `not_a_request` for what it says
 * otherwise. Read at encode/uvicorn, uvicorn/logging.py and uvicorn/protocols, 0.35.0.
 */
export function uvicornFields(line: string): JsonObject | 'not_a_request' | undefined {
  const text = LEVEL.exec(line)?.[1];
  if (text === undefined) return undefined;
  const access = ACCESS.exec(text);
  const socket = access ? null : WEBSOCKET.exec(text);
  const found = access ?? socket;
  if (!found) return 'not_a_request';
  const [, client = ''] = found;
  const [target = '', method] = access ? [access[3], access[2]] : [socket?.[2], 'WEBSOCKET'];
  // "%s:%d", also of IPv6 addresses, which have no brackets.
  const colon = client.lastIndexOf(':');
  const query = target.indexOf('?');
  return members({
    client: colon > 0 ? client.slice(0, colon) : client,
    method,
    path: query < 0 ? target : target.slice(0, query),
    query: query < 0 ? undefined : target.slice(query + 1),
    http_status: access?.[4] ?? socket?.[4],
    websocket: socket?.[3],
  });
}

/** Columns of the members that `uvicornFields` made. */
export function readUvicorn(draft: Draft): void {
  draft.set('event_type', 'access');
  draft.column('client_ip', 'client');
  draft.column('endpoint', 'path');
  draft.column('http_status', 'http_status');
  draft.drop('query');
  if (draft.peek('websocket') === 'accepted') draft.set('status', 'ok');
  draft.statusFromHttp();
}
