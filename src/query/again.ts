import { AuditError } from '../errors.ts';
import type { JobFile } from '../duck/job.ts';
import { NO_SINK } from '../duck/sink.ts';
import type { Store } from '../store/store.ts';
import { type Contradiction, numbersIn } from './check.ts';
import { query, type QueryOptions } from './query.ts';
import { type Answer, Hashing } from './hashing.ts';
import type { Receipt } from './receipt.ts';

export interface AskedAgain {
  readonly contradictions: readonly Contradiction[];
  readonly answer: Answer;
  /** other_order: the same rows. */
  readonly rows: 'same' | 'other_order' | 'other';
}

/**
 * Asks what a receipt says was asked, over the entries that there were then. Nothing that was remembered is believed: every payload is
 * read and checked anew, and none is left out by its filter. Throws PAYLOADS_GONE and what query() throws.
 */
export async function askAgain(
  store: Store,
  receipt: Receipt,
  gone: readonly number[],
  options: Pick<QueryOptions, 'memory' | 'timeoutMs' | 'signal' | 'onProgress'>,
): Promise<AskedAgain> {
  if (gone.length > 0)
    throw new AuditError(
      'PAYLOADS_GONE',
      `it can't be asked again: the records of segment ${gone.slice(0, 5).join(', ')}${gone.length > 5 ? ' and others' : ''} are not here any more`,
      { hint: 'run `slmaudit verify`: it says whether they were pruned or are missing' },
    );
  const { asked, answer, size } = receipt;
  const hashing = new Hashing(NO_SINK);
  const { plan, files } = await query(store, asked, { ...options, size, repeatable: true }, hashing);
  const again = hashing.answer();
  const rows = compared(answer, again);
  const contradictions: Contradiction[] = [];
  if (rows === 'other')
    contradictions.push({ code: 'ANSWER_DIFFERS', expected: textOf(answer), actual: textOf(again) });
  const strange = otherwiseRead(receipt, plan.read, files);
  if (strange.length > 0)
    contradictions.push({ code: 'READ_DIFFERS', actual: `segments ${strange.slice(0, 20).join(', ')}` });
  return { contradictions, answer: again, rows };
}

function compared(then: Answer, now: Answer): AskedAgain['rows'] {
  if (then.rows !== now.rows || then.columns.join('\n') !== now.columns.join('\n')) return 'other';
  if (then.sha256 === now.sha256) return 'same';
  return then.sortedSha256 !== undefined && then.sortedSha256 === now.sortedSha256 ? 'other_order' : 'other';
}

const textOf = ({ rows, sha256, columns }: Answer): string =>
  `${rows} rows of ${columns.length} columns, ${sha256}`;

/**
 * Segments that only one of the two has read; the first may have been spared some by their filters, and what has been joined with
 * others since is read with them.
 */
function otherwiseRead(
  { read, leftOut }: Receipt,
  now: readonly number[],
  files: readonly JobFile[],
): number[] {
  const again = new Set(now);
  const only = read.map(r => r.segment).filter(s => !again.has(s));
  for (const { segment } of read) again.delete(segment);
  for (const { isRestated, segments } of files)
    if (isRestated) for (const { segment } of segments) again.delete(segment);
  if (again.size > 0)
    for (const s of numbersIn(leftOut['without'] ?? ''))
      if (s <= now.at(-1)!) again.delete(s);
      else break;
  return [...only, ...again];
}
