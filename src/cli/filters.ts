import type { Readable } from 'node:stream';
import { AuditError } from '../errors.ts';
import type { Filters } from '../search/conditions.ts';
import { canonicalAddress } from '../record/address.ts';
import { EVENT_TYPES, STATUSES } from '../record/schema.ts';
import { readRecordKeys } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { type Given, type OptionSpec, text } from './command.ts';
import { readCount } from './values.ts';

/** Those that most formats tell of; sources have others. */
const OPERATIONS = ['chat', 'completion', 'embedding', 'rerank', 'login'];

/** What `search` and `export` are asked for, without SQL. */
export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--user <ID>', about: 'of this user; * stands for anything, here and below' },
  { flags: '--api-key <ID>', about: 'with this key id' },
  {
    flags: '--api-key-file <FILE>',
    about: 'with the key itself that stands there, - is standard input; it is hashed, not kept',
  },
  { flags: '--ip <ADDRESS>', about: 'from this address or network (192.0.2.0/24)' },
  { flags: '--model <NAME>', about: 'answered by this model' },
  { flags: '--model-version <VERSION>', about: 'of this version' },
  {
    flags: '--status <LIST>',
    about: `how it ended: ${STATUSES.join(', ')}`,
    suggests: () => STATUSES,
    isList: true,
  },
  { flags: '--operation <NAME>', about: 'chat, completion, embedding, ...', suggests: () => OPERATIONS },
  { flags: '--type <TYPE>', about: 'kind of event', choices: EVENT_TYPES },
  { flags: '--session <ID>', about: 'of this session' },
  { flags: '--request <ID>', about: 'with this request or trace id' },
  {
    flags: '--prompt-hash <HEX>',
    about: 'with this prompt or last user message: its hash, or eight digits and more of it',
  },
  {
    flags: '--prompt-file <FILE>',
    about: 'with this prompt: a text, or messages as JSON; it is hashed, not kept',
  },
  { flags: '--min-tokens <N>', about: 'of at least so many tokens' },
  { flags: '--text <TEXT>', about: 'with this in any text column, whatever the case; prompts are not there' },
  { flags: '--where <EXPR>', about: 'any condition in SQL' },
];

/** Users and addresses are also looked for as `--hash-identities` keeps them, if this host has the key. */
export async function filtersOf(given: Given, store: Store, stdin: Readable): Promise<Filters> {
  const { apiKeyHashes, identityHashes, promptHashes } = await import('../hash/hash.ts');
  const { readApiKey, readPrompt } = await import('./input.ts');
  const filters: Record<string, unknown> = {};
  for (const name of [
    'user',
    'apiKey',
    'ip',
    'model',
    'modelVersion',
    'status',
    'operation',
    'type',
    'session',
    'request',
    'promptHash',
    'text',
    'where',
  ])
    if (text(given, name) !== undefined) filters[name] = text(given, name);
  const [tokens, file, user, ip] = ['minTokens', 'promptFile', 'user', 'ip'].map(name => text(given, name));
  if (tokens !== undefined) filters['minTokens'] = readCount(tokens, '--min-tokens', 0);
  if (file !== undefined)
    filters['prompts'] = promptHashes(store, await readPrompt(file, stdin)).map(h => h.hash);
  const keyFile = text(given, 'apiKeyFile');
  if (keyFile !== undefined) {
    const key = await readApiKey(keyFile, stdin);
    filters['apiKeys'] = apiKeyHashes(
      ifHere(() => readRecordKeys(store.keys)),
      key,
    ).map(h => h.hash);
  }
  const hashed = (column: 'user_id' | 'client_ip', value: string): readonly string[] =>
    ifHere(() => identityHashes(store, column, value).map(h => h.hash));
  filters['hashed'] = {
    ...(user !== undefined && !user.includes('*') && { user: hashed('user_id', user) }),
    ...(ip !== undefined && canonicalAddress(ip) !== undefined && { ip: hashed('client_ip', ip) }),
  };
  return filters;
}

/** Without the record key, things can only be looked for as they are. */
function ifHere<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof AuditError || (error instanceof Error && 'code' in error)) return [];
    throw error;
  }
}
