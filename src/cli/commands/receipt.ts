import { randomBytes } from 'node:crypto';
import { AuditError } from '../../errors.ts';
import type { VerifierKey } from '../../note/key.ts';
import type { AskedAgain } from '../../query/again.ts';
import type { CheckedReceipt } from '../../query/check.ts';
import type { ReadReceipt } from '../../query/receipt.ts';
import { instantOf } from '../../store/clock.ts';
import { createFile, isCode, readWhole } from '../../store/durable.ts';
import type { Store } from '../../store/store.ts';
import { userName } from '../actor.ts';
import { type CommandDetails, type Context, flag, type Given, text } from '../command.ts';
import { printJson } from '../json.ts';
import { LIMIT_OPTIONS, limitsOf } from '../limits.ts';
import { showProgress } from '../progress.ts';
import { usage } from '../values.ts';

export const receiptVerifyCommand: CommandDetails = {
  description: [
    'Check what --receipt wrote: that its checkpoint is one of the pinned log; where that log is here, that it extends the checkpoint, and that the segments which were read stand in it with these digests and none is left untold. Without the store that is all that can be checked.',
    'With --rerun the same question is asked again over the entries that there were then, from payloads that are all read and checked anew, and must have the same rows. It needs the store.',
    'A receipt that nobody signed can be written by anyone: what it says of rows and SQL is worth what --rerun finds. With --key the signature is checked.',
  ],
  arguments: [{ name: 'FILE', about: 'the receipt' }],
  options: [
    { flags: '--rerun', about: 'ask the same question again and compare' },
    { flags: '--pin <PIN>', about: 'the pin, or a file that holds it', default: "this host's own" },
    { flags: '--key <KEY>', about: 'verifier key of whoever signed it, or a file that holds it' },
    ...LIMIT_OPTIONS.filter(o => !o.flags.startsWith('--strict')),
  ],
  json: 'all that was found, as one object',
  examples: [
    {
      command: 'slmaudit receipt verify answer.receipt --rerun --pin pin.txt --key auditor.vkey',
      about: 'all that can be checked',
    },
  ],
  exits: [
    [0, 'good'],
    [1, 'contradicted: by the log, by the pin or key, or by the answer that there is now'],
    [2, 'could not be checked'],
    [4, 'good, but checked against no pin'],
    [130, 'interrupted'],
  ],
  async run(given, context) {
    const { MOST_BYTES, parseReceipt } = await import('../../query/receipt.ts');
    const { checkReceipt } = await import('../../query/check.ts');
    const { givenPin } = await import('../../store/store.ts');
    const path = given.args[0]!;
    const bytes = readWhole(path, MOST_BYTES);
    if (!bytes)
      throw new AuditError('INPUT_UNREADABLE', `there is no receipt at ${path}`, {
        hint: 'name a file that --receipt wrote',
      });
    const read = parseReceipt(bytes.toString('utf8'));
    const [pin, key] = [text(given, 'pin'), text(given, 'key')];
    const store = storeHere(context);
    const checked = checkReceipt(read, {
      store,
      ...(pin !== undefined && { pin: givenPin(pin) }),
      ...(key !== undefined && { key: await givenKey(key) }),
    });
    const isSound = checked.contradictions.length === 0;
    const again =
      flag(given, 'rerun') && isSound ? await rerun(given, context, store, read, checked) : undefined;
    const contradictions = [...checked.contradictions, ...(again?.contradictions ?? [])];
    const exit = contradictions.length > 0 ? 1 : checked.assurance === 'self_consistent' ? 4 : 0;
    if (flag(given, 'json'))
      printJson(context, {
        form: 'slmaudit-receipt-check/1',
        exit,
        ...checked,
        contradictions,
        signers: read.signers,
        ...(again && { rows: again.rows, answer: again.answer }),
        receipt: read.receipt,
      });
    else {
      const { receiptLines } = await import('../render/receipt.ts');
      for (const line of receiptLines(read, checked, again)) context.stdout.write(`${line}\n`);
    }
    return exit;
  },
};

function storeHere({ openStore: open }: Context): Store | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof AuditError && error.code === 'NO_STORE') return undefined;
    throw error;
  }
}

async function rerun(
  given: Given,
  context: Context,
  store: Store | undefined,
  { receipt }: ReadReceipt,
  { extendedTo, gone }: CheckedReceipt,
): Promise<AskedAgain> {
  const { askAgain } = await import('../../query/again.ts');
  const { beginLogged } = await import('../../query/logged.ts');
  if (!store || extendedTo === undefined)
    throw usage('--rerun asks the store, and the one of this receipt is not here: name it with --store');
  const { memory, timeoutMs, signal } = limitsOf(given, context);
  const question = receipt.asked;
  const at = instantOf(Date.now());
  const logged = beginLogged(store, { verb: 'receipt verify', question, user: userName(), at });
  const progress = showProgress(context, { count: 0 });
  try {
    const again = await askAgain(store, receipt, gone ?? [], {
      memory,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal && { signal }),
      onProgress: progress.heard,
    });
    logged?.end('ok', { rows: again.answer.rows });
    return again;
  } catch (error) {
    logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: 0 });
    throw error;
  } finally {
    progress.end();
  }
}

/** The text of a verifier key, or the name of a file that holds one. */
async function givenKey(textOrPath: string): Promise<VerifierKey> {
  const { parseVkey } = await import('../../note/key.ts');
  const isKey = /^[^+/]+\+[0-9a-f]{8}\+/.test(textOrPath);
  const said = isKey ? textOrPath : readWhole(textOrPath, 4096)?.toString('utf8').trim();
  try {
    return parseVkey(said ?? '');
  } catch (cause) {
    throw new AuditError(
      'VKEY_MALFORMED',
      `"${textOrPath}" is neither a verifier key nor a file that holds one`,
      {
        hint: 'give the line that `slmaudit receipt key` printed',
        cause,
      },
    );
  }
}

export const receiptKeyCommand: CommandDetails = {
  description: [
    'Make an Ed25519 key, in the form that C2SP notes and Go’s sumdb have, in a file that nobody else may read, and print its verifier key: give that to whoever is to check receipts. A file that is there is never replaced.',
    'The key is yours, not the log’s: it says who stands for an answer. Keep it where other keys of yours are.',
  ],
  arguments: [{ name: 'NAME', about: 'whose it is, such as ana.auditor.example.com; no blanks and no +' }],
  options: [{ flags: '-o, --output <FILE>', about: 'where the key goes' }],
  json: 'its name, file and verifier key, as one object',
  examples: [
    { command: 'slmaudit receipt key ana.example.com -o ana.key > ana.vkey', about: 'once' },
    {
      command: 'slmaudit query @usage-by-user --receipt usage.receipt --sign-key ana.key',
      about: 'an answer, and a receipt that is signed',
    },
  ],
  exits: [
    [0, 'made'],
    [2, 'not a name, or the file is there or can not be written'],
  ],
  async run(given, context) {
    const { formatSigner, formatVkey, makeSigner, validKeyName } = await import('../../note/key.ts');
    const name = given.args[0]!;
    const path = text(given, 'output');
    if (path === undefined) throw usage('say where the key goes with -o FILE');
    if (!validKeyName(name)) throw usage(`"${name}" is no name of a key: it has no blanks and no +`);
    const signer = makeSigner(name, randomBytes(32));
    try {
      createFile(path, `${formatSigner(signer)}\n`, 0o600);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      throw usage(`${path} is there already, and keys are never replaced`);
    }
    const vkey = formatVkey(signer);
    if (flag(given, 'json')) printJson(context, { name, path, vkey });
    else context.stdout.write(`${vkey}\n`);
    return 0;
  },
};
