import { formatVkey, parseVkey, type VerifierKey } from '../note/key.ts';
import type { Entry } from './entry.ts';
import { type EntryLine, malformed, parseCount } from './line.ts';

/**
 * Entry 0 (`slmaudit/genesis/v1`), signed by epoch key 0 and by the log key. Its own lines, in this order:
 *
 *     log <vkey>                 signs checkpoints
 *     epoch <vkey>               signs this entry; the entry's `next` names epoch key 1
 *     schema <n>                 schema version of records
 *     recordkey <8 hex digits>   id of the first record key
 *     recovery <vkey>|none       offline key that may sign a rekey
 *     policy keep-all            nothing may be deleted until a policy entry says otherwise
 */
export interface Genesis {
  readonly logKey: VerifierKey;
  readonly epochKey: VerifierKey;
  readonly schema: number;
  readonly recordKeyId: string;
  readonly recoveryKey?: VerifierKey;
}

export function genesisLines(g: Genesis): EntryLine[] {
  return [
    { key: 'log', values: [formatVkey(g.logKey)] },
    { key: 'epoch', values: [formatVkey(g.epochKey)] },
    { key: 'schema', values: [String(g.schema)] },
    { key: 'recordkey', values: [g.recordKeyId] },
    { key: 'recovery', values: [g.recoveryKey ? formatVkey(g.recoveryKey) : 'none'] },
    { key: 'policy', values: ['keep-all'] },
  ];
}

/** Throws ENTRY_MALFORMED. */
export function parseGenesis(entry: Entry): Genesis {
  if (entry.kind !== 'genesis' || entry.index !== 0 || entry.records) throw malformed('not a genesis');
  const names = ['log', 'epoch', 'schema', 'recordkey', 'recovery', 'policy'];
  const values = entry.lines.map(l => l.values[0] ?? '');
  if (
    entry.lines.length !== names.length ||
    entry.lines.some((l, i) => l.key !== names[i] || l.values.length !== 1)
  ) {
    throw malformed('genesis does not have its six lines');
  }
  const [log = '', epoch = '', schema = '', recordKeyId = '', recovery = '', policy] = values;
  if (!/^[0-9a-f]{8}$/.test(recordKeyId)) throw malformed('no record key id');
  if (policy !== 'keep-all') throw malformed('the policy of a genesis is keep-all');
  return {
    logKey: vkey(log),
    epochKey: vkey(epoch),
    schema: parseCount(schema, 'the schema version'),
    recordKeyId,
    ...(recovery !== 'none' && { recoveryKey: vkey(recovery) }),
  };
}

function vkey(text: string): VerifierKey {
  try {
    return parseVkey(text);
  } catch {
    throw malformed('a key of genesis is not a verifier key');
  }
}
