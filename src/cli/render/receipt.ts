import type { AskedAgain } from '../../query/again.ts';
import { type CheckedReceipt, type Contradiction, CONTRADICTIONS } from '../../query/check.ts';
import type { ReadReceipt } from '../../query/receipt.ts';
import { counted, grouped } from '../values.ts';
import { printable } from '../voice.ts';

/** What was found of a receipt, a line for each thing that was looked at, behind what contradicts it. */
export function receiptLines(
  read: ReadReceipt,
  checked: CheckedReceipt,
  again: AskedAgain | undefined,
): string[] {
  const { answer, asked, at, by, origin, size } = read.receipt;
  const contradictions = [...checked.contradictions, ...(again?.contradictions ?? [])];
  const lines = contradictions.map(c => `ALTERED  ${sentence(c)}`);
  if (contradictions.length === 0)
    lines.push(
      `good     ${counted(answer.rows, 'row')} of \`${asked.verb}\`, asked at ${at} by ${by.user} on ${by.host}`,
    );
  lines.push(
    `log      ${origin}, a checkpoint of ${counted(size, 'entry', 'entries')}${extension(read, checked)}`,
  );
  lines.push(`read     ${payloads(read, checked)}`);
  lines.push(`signed   ${signature(read, checked)}`);
  if (again)
    lines.push(
      `again    ${AGAIN[again.rows]}, from ${counted(read.receipt.read.length, 'payload')} checked anew`,
    );
  lines.push(`pin      ${pin(checked)}`);
  const better = betterOf(read, checked, again);
  if (contradictions.length === 0 && better.length > 0) lines.push(`better   ${better.join('; ')}`);
  return lines.map(printable);
}

const AGAIN: Readonly<Record<AskedAgain['rows'], string>> = {
  same: 'the same rows, byte for byte',
  other_order: 'the same rows in another order',
  other: 'other rows',
};

function extension(
  { receipt: { size } }: ReadReceipt,
  { contradictions, extendedTo }: CheckedReceipt,
): string {
  if (extendedTo === undefined) return '; that log is not here';
  if (contradictions.some(c => APART.has(c.code))) return '';
  return extendedTo === size ? ', the head here' : `, extended by the ${grouped(extendedTo)} that are here`;
}

const APART: ReadonlySet<string> = new Set(['RECEIPT_LOG', 'RECEIPT_CHECKPOINT', 'RECEIPT_NOT_EXTENDED']);

function payloads({ receipt: { read } }: ReadReceipt, { gone }: CheckedReceipt): string {
  const all = counted(read.length, 'payload');
  if (gone === undefined) return all;
  if (gone.length === 0) return `${all}, all of them here`;
  return `${all}; not here any more: segment ${gone.slice(0, 10).join(', ')}${gone.length > 10 ? ', ...' : ''}`;
}

function signature({ signers }: ReadReceipt, { signature: state }: CheckedReceipt): string {
  if (signers.length === 0) return 'by nobody';
  return `by ${signers.join(', ')}${state === 'unchecked' ? ', not checked' : state === 'bad' ? ', not by the key that was given' : ''}`;
}

function pin({ assurance, pin: used }: CheckedReceipt): string {
  if (used === undefined) return 'none: consistent in itself, which a forger can make too';
  return assurance === 'pinned_here' ? `${used} (this host's own copy)` : used;
}

function betterOf(
  { signers }: ReadReceipt,
  { assurance, extendedTo, gone, signature: state }: CheckedReceipt,
  again: AskedAgain | undefined,
): string[] {
  const better: string[] = [];
  if (assurance !== 'pinned') better.push('--pin with the copy that was kept elsewhere');
  if (signers.length > 0 && state === 'unchecked')
    better.push('--key with the verifier key of who signed it');
  if (!again && extendedTo === undefined) better.push('--rerun where the store is');
  else if (!again && gone?.length === 0) better.push('--rerun asks the same again');
  return better;
}

function sentence({ code, segment, expected, actual }: Contradiction): string {
  const found = [
    expected === undefined ? undefined : `expected ${expected}`,
    actual === undefined ? undefined : `found ${actual}`,
  ].filter(part => part !== undefined);
  const where = segment === undefined ? '' : ` (segment ${segment})`;
  return `${code} ${CONTRADICTIONS[code]}${where}${found.length > 0 ? `: ${found.join(', ')}` : ''}`;
}
