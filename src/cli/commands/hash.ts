import type { PromptHash } from '../../hash/hash.ts';
import { type CommandDetails, text } from '../command.ts';
import { printList } from '../render/list.ts';
import { ROW_FORMAT_OPTION } from '../render/rows.ts';
import { usage } from '../values.ts';

/** Of a column's name and a hash. */
const WIDTH = 80;

export const hashCommand: CommandDetails = {
  description: [
    'Records hold prompts as hashes under a key of the store. This prints those to look for: of a text, that of a prompt of it alone and that of a last user message, whatever came before; of messages as JSON, that of the whole prompt and that of its last user message. The prompt itself is neither kept nor printed.',
    'Of a key it prints what api_key_id can hold: its hash under a key of the store, its SHA-256, as LiteLLM writes it, and the hash of that. `--api-key-file` of search, export and redact looks for all of them.',
    'Where records are made with --hash-identities, --user and --ip give what they hold instead.',
  ],
  arguments: [],
  options: [
    { flags: '--text <TEXT>', about: 'the prompt; other users of this host may see it while this runs' },
    {
      flags: '--prompt-file <FILE>',
      about: 'a file with a text, or with messages as JSON; - is standard input',
    },
    {
      flags: '--api-key-file <FILE>',
      about: 'a file with a key, - is standard input: what api_key_id holds of it',
    },
    { flags: '--user <NAME>', about: 'a user' },
    { flags: '--ip <ADDRESS>', about: 'an address' },
    ROW_FORMAT_OPTION,
  ],
  examples: [
    { command: 'slmaudit hash --prompt-file prompt.txt', about: 'what to look for' },
    {
      command: `slmaudit query "select ts, user_id from records where last_user_hash = '$(slmaudit hash --prompt-file prompt.txt | jq -r 'select(.column == "last_user_hash").hash' | head -1)'"`,
      about: 'who sent it, and when',
    },
  ],
  exits: [
    [0, 'printed'],
    [2, 'nothing to hash, or no record key on this host'],
  ],
  async run(given, context) {
    const { openStore, stdin } = context;
    const { apiKeyHashes, identityHashes, promptHashes } = await import('../../hash/hash.ts');
    const { readApiKey, readPrompt } = await import('../input.ts');
    const { readRecordKeys } = await import('../../store/keys.ts');
    const [typed, file] = [text(given, 'text'), text(given, 'promptFile')];
    const [user, ip, key] = [text(given, 'user'), text(given, 'ip'), text(given, 'apiKeyFile')];
    if ([typed, file, key, user, ip].filter(v => v !== undefined).length !== 1)
      throw usage('give one of --text, --prompt-file, --api-key-file, --user and --ip');
    const store = openStore();
    const hashesAsked = async (): Promise<readonly PromptHash[]> => {
      if (user !== undefined) return identityHashes(store, 'user_id', user);
      if (ip !== undefined) return identityHashes(store, 'client_ip', ip);
      if (key !== undefined) return apiKeyHashes(readRecordKeys(store.keys), await readApiKey(key, stdin));
      return promptHashes(store, typed ?? (await readPrompt(file!, stdin)));
    };
    const hashes = await hashesAsked();
    const rows = hashes.map(({ column, hash, chars, key: by }) => ({ column, hash, chars, key: by }));
    const names = ['column', 'hash', 'chars', 'key'] as const;
    // A hash that is cut is none.
    const width = context.width !== undefined && context.width < WIDTH ? undefined : context.width;
    const shown = { names, numeric: ['chars'], brief: [['column', 'hash']] } as const;
    await printList(given, { ...context, width }, shown, rows);
    return 0;
  },
};
