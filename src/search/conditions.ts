import { AuditError } from '../errors.ts';
import { canonicalAddress, networkKeys } from '../record/address.ts';
import { type ColumnName, COLUMNS, STATUSES } from '../record/schema.ts';

/** What is looked for; all of it must hold. `*` in a text stands for anything. */
export interface Filters {
  readonly user?: string;
  readonly apiKey?: string;
  /** Any of these is the key. */
  readonly apiKeys?: readonly string[];
  /** An address, or a network. */
  readonly ip?: string;
  readonly model?: string;
  readonly modelVersion?: string;
  readonly operation?: string;
  readonly session?: string;
  /** A request or trace id. */
  readonly request?: string;
  readonly type?: string;
  /** One or more, with commas. */
  readonly status?: string;
  /** Hex, at least eight digits. */
  readonly promptHash?: string;
  /** Any of these is the whole prompt or its last user message. */
  readonly prompts?: readonly string[];
  readonly minTokens?: number;
  /** In any column of text, whatever the case. */
  readonly text?: string;
  /** Any condition in SQL. */
  readonly where?: string;
  /** Under which a user or an address may stand, where identities are hashed. */
  readonly hashed?: { readonly user?: readonly string[]; readonly ip?: readonly string[] };
}

/** A condition in SQL, and the parameters in it. */
export interface Condition {
  readonly sql: string;
  /** The part that somebody else wrote. */
  readonly expression?: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Columns that --text looks into. */
const TEXTS: readonly ColumnName[] = COLUMNS.filter(c => c.type === 'text' || c.type === 'json').map(
  c => c.name,
);

/** Throws FILTER_MALFORMED. */
export function conditionOf(filters: Filters): Condition {
  const parts: string[] = [];
  const parameters: Record<string, string> = {};
  const given = (name: string, value: string): string => {
    parameters[name] = value;
    return `$${name}`;
  };
  const matched = (column: ColumnName, name: string, value: string | undefined): string | undefined => {
    if (value === undefined) return undefined;
    if (!value.includes('*')) return `${column} = ${given(name, value)}`;
    const pattern = value.replaceAll(/[\\%_]/g, c => `\\${c}`).replaceAll('*', '%');
    return `${column} LIKE ${given(name, pattern)} ESCAPE '\\'`;
  };
  const anyOf = (...conditions: readonly (string | undefined)[]): void => {
    const some = conditions.filter(c => c !== undefined);
    if (some.length > 0) parts.push(some.length === 1 ? some[0]! : `(${some.join(' OR ')})`);
  };
  const listed = (
    column: ColumnName,
    name: string,
    values: readonly string[] | undefined,
  ): string | undefined =>
    values && values.length > 0
      ? `${column} IN (${values.map((v, i) => given(`${name}_${i + 1}`, v)).join(', ')})`
      : undefined;

  const { hashed, ip } = filters;
  anyOf(
    matched('user_id', 'user', filters.user),
    filters.user && listed('user_id', 'hashed_user', hashed?.user),
  );
  anyOf(matched('api_key_id', 'api_key', filters.apiKey));
  anyOf(listed('api_key_id', 'api_key_hash', filters.apiKeys));
  if (ip !== undefined) anyOf(addressCondition(ip, given), listed('client_ip', 'hashed_ip', hashed?.ip));
  anyOf(matched('model', 'model', filters.model));
  anyOf(matched('model_version', 'model_version', filters.modelVersion));
  anyOf(matched('operation', 'operation', filters.operation));
  anyOf(matched('session_id', 'session', filters.session));
  anyOf(matched('request_id', 'request', filters.request), matched('trace_id', 'request', filters.request));
  anyOf(matched('event_type', 'type', filters.type));
  anyOf(listed('status', 'status', filters.status === undefined ? undefined : statusesOf(filters.status)));
  if (filters.promptHash !== undefined) anyOf(...promptCondition(filters.promptHash, given));
  anyOf(
    listed('prompt_hash', 'prompt', filters.prompts),
    listed('last_user_hash', 'prompt', filters.prompts),
  );
  if (filters.minTokens !== undefined)
    parts.push(`total_tokens >= ${given('min_tokens', String(filters.minTokens))}`);
  if (filters.text !== undefined)
    parts.push(
      `contains(lower(concat_ws(chr(10), ${TEXTS.join(', ')})), lower(${given('text', filters.text)}))`,
    );
  // A comment at its end must not swallow what follows.
  if (filters.where !== undefined) parts.push(`(${filters.where}\n)`);
  const { where } = filters;
  const sql = parts.length === 0 ? 'true' : parts.join(' AND ');
  return { sql, parameters, ...(where !== undefined && { expression: where }) };
}

type Give = (name: string, value: string) => string;

function addressCondition(ip: string, given: Give): string {
  if (ip.includes('/')) {
    const keys = networkKeys(ip);
    if (!keys) throw malformed(`"${ip}" is no network`, 'give one such as 192.0.2.0/24 or 2001:db8::/32');
    return `ip_key(client_ip) BETWEEN ${given('ip_first', keys[0])} AND ${given('ip_last', keys[1])}`;
  }
  const address = canonicalAddress(ip);
  if (address === undefined)
    throw malformed(`"${ip}" is no address`, 'give one such as 192.0.2.7, or a network such as 192.0.2.0/24');
  return `client_ip = ${given('ip', address)}`;
}

function statusesOf(list: string): string[] {
  const all = list.split(',').map(s => s.trim());
  const strange = all.find(s => !(STATUSES as readonly string[]).includes(s));
  if (strange === undefined) return all;
  throw malformed(`there is no status "${strange}"`, `there are ${STATUSES.join(', ')}`);
}

function promptCondition(hex: string, given: Give): string[] {
  const hash = hex.toLowerCase();
  if (!/^[0-9a-f]{8,64}$/.test(hash))
    throw malformed(
      `"${hex}" is no hash`,
      'give at least its first eight hex digits; `slmaudit hash` makes one of a prompt',
    );
  const columns = ['prompt_hash', 'last_user_hash'];
  const value = given('prompt_hash', hash);
  return columns.map(c => (hash.length === 64 ? `${c} = ${value}` : `starts_with(${c}, ${value})`));
}

const malformed = (message: string, hint: string): AuditError =>
  new AuditError('FILTER_MALFORMED', message, { hint });
