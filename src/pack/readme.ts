import type { Coverage } from '../coverage/report.ts';
import { UNSEEN } from '../record/unseen.ts';
import { FINDINGS, type Report } from '../verify/finding.ts';
import type { Copied } from './copy.ts';
import type { Written } from './records.ts';

export interface Told {
  readonly span: { readonly since?: string; readonly until?: string };
  readonly copied: Copied;
  readonly coverage: Coverage;
  readonly written: Written;
  readonly report: Report;
  readonly copy: Report;
  readonly exit: number;
  /** Event ids. */
  readonly proofs: readonly string[];
  /** What could not be written. */
  readonly troubles: readonly string[];
  /** An auditor's; that of the host that packed; what the log says of itself. */
  readonly pinFrom: 'given' | 'host' | 'log';
}

const MOST_FINDINGS = 20;

/** The page an auditor begins with. */
export function readme(told: Told): string {
  const { head } = told.copied.told;
  return `# Evidence from ${head.origin}

${spanText(told.span)}

${verdict(told)}

This folder holds access records of language models as they were sealed, the signed log they stand in, and what that log says of how they
were kept. It holds no prompts and no answers: only keyed hashes of them were ever stored, and rejected lines are counted here but left
out. **It holds persons**: user names, addresses and sessions stand in the records, unless they were hashed when they were read. Treat it so.

## Check it with slmaudit

\`\`\`sh
sha256sum --quiet -c SHA256SUMS
slmaudit verify --pack --records --store store --pin pin.txt${rangeOptions(told.span)}
slmaudit export --store store${rangeOptions(told.span)} | cmp - records.ndjson
\`\`\`

The first command shows that the pack is whole, the third that records.ndjson is what store/ holds. The second shows that nobody altered the records since they were sealed; it is worth what the pin is
worth: ${PINS[told.pinFrom]} Compare pin.txt with the pin that you, or someone you trust, kept when the log was begun: a pin that comes with
the evidence proves only that the evidence agrees with itself.

0 is intact, 1 altered, 2 could not be checked, 4 intact and less to be believed. The whole log is in this folder, so every entry is checked; of the records, the
files with any of this span, which may reach beyond it. The files of other records are not here and not looked at: the answer says how many segments
were passed over. Keep \`checkpoint\`: on the store itself, \`slmaudit verify --since-head checkpoint\` shows at any later time that the log still holds all of this.

## Check it without slmaudit

Everything is of public formats.

1. **The log.** \`store/log/\` is a C2SP tlog-tiles log: \`checkpoint\` is a signed note (golang.org/x/mod/sumdb/note opens it with the key before
   \`@\` in pin.txt), \`tile/\` holds its hashes (golang.org/x/mod/sumdb/tlog; Tessera's \`fsck --storage_url=file://$PWD/store/log/ --public_key=FILE\`,
   whose FILE holds that key, checks it whole).
2. **The entries.** \`store/log/tile/entries/\` holds them as tlog-tiles bundles; \`entries/\` has those that are no manifests as files. The SHA-256 of
   entry 0 is behind \`@sha256:\` in pin.txt. Each entry is a signed note, signed by the key that the entry before it names in its last line, \`next\`; its
   \`prev\` is the SHA-256 of the entry before it.
3. **The files of records.** payloads.csv names each Parquet file, its SHA-256, and the entry that states it in a line \`payload\`:
   \`sha256sum store/records/*/*.parquet\`. Any reader of Parquet opens them; redacted rows hold a hash and nothing else.
4. **A record.** Its line in records.ndjson is canonical JSON (RFC 8785); its leaf hash is that of RFC 6962, SHA-256 over a zero byte and the line:

\`\`\`sh
{ printf '\\000'; head -n 1 records.ndjson | tr -d '\\n'; } | sha256sum
\`\`\`

   The leaf hashes of a segment, in order, make the root in the third line of its manifest.
${proofText(told.proofs)}
## What is here

| file | |
| --- | --- |
| records.ndjson | ${told.written.records} records of the span, one a line, in the order of payloads.csv |
| store/ | the log, and the Parquet files with records of the span |
| payloads.csv | these files, their digests and segments |
| pin.txt, checkpoint | what the log is held against; its newest signed head |
| verification.json | what \`verify\` said when this was packed, of the store and of this copy |
| coverage.csv, silences.csv, coverage.json | by source and day: what came, what was deleted, when nothing came |
| policies.csv, holds.csv | what must be kept, and for how long: every change, in order |
| prunes.csv, redactions.csv | every deletion of records of the span: when, under which policy, for what reason |
| entries/ | the signed entries behind these tables |
| quarantine.csv | rejected lines, counted by source and reason |
| clock.csv | entries that were written while the clock had gone back |
| fields.csv | what each field of a record means |
| controls.csv | requirements of common rules, and where in this folder to look. It says nowhere that one is met, and is no legal advice |
| proofs/ | two records, each with its proof |
| pack.json | how this was made |

## What it says

${statements(told)
  .map(line => `- ${line}`)
  .join('\n')}

## What it can't say

What was false before it was sealed is false here. Lines that nobody sent are not missed; silences.csv shows when nothing came. Times are
those of the hosts that wrote them. A log can be cut at its end where nobody outside knows a later checkpoint. Whoever kept copies of keys that were to be erased could have
written the log anew from there, unless an older checkpoint was kept elsewhere.
`;
}

const PINS = {
  given: 'pin.txt is the one that was given when this was packed.',
  host: 'pin.txt is the one of the host that packed this.',
  log: 'pin.txt was made from the log itself, since the host that packed this had none.',
} as const;

function spanText({ since, until }: Told['span']): string {
  if (since === undefined && until === undefined) return 'All records of the log.';
  return `Records ${[since && `from ${since}`, until && `before ${until}`].filter(Boolean).join(', ')}.`;
}

function rangeOptions({ since, until }: Told['span']): string {
  return [since && ` --since ${since}`, until && ` --until ${until}`].filter(Boolean).join('');
}

function verdict({ exit, report, copy, troubles }: Told): string {
  const { entries, records, recomputed } = report.checked;
  if (exit === 0)
    return `Verification when this was packed: **intact**, ${entries} entries, ${records} records, ${recomputed} of them hashed again.`;
  const said = [...report.findings, ...copy.findings].map(({ code, entry, segment, file }) => {
    const where = [
      segment === undefined ? '' : `segment ${segment}`,
      entry === undefined ? '' : `entry ${entry}`,
      file === undefined ? '' : asCode(file),
    ].filter(w => w !== '');
    return `- ${code}: ${FINDINGS[code]}${where.length > 0 ? ` (${where.join(', ')})` : ''}`;
  });
  const findings = [...new Set(said)];
  const more = findings.length - MOST_FINDINGS;
  const lines = [
    ...findings.slice(0, MOST_FINDINGS),
    ...(more > 0 ? [`- and ${more} more in verification.json`] : []),
    ...troubles.map(t => `- not in this pack: ${asCode(t)}`),
  ];
  const list = lines.length > 0 ? `\n\n${lines.join('\n')}` : '';
  return `${VERDICTS[exit as keyof typeof VERDICTS]}${list}`;
}

/** What somebody else may have written, in a line of its own and never Markdown. */
const asCode = (text: string): string => `\`${text.replaceAll(UNSEEN, '\ufffd').replaceAll('`', "'")}\``;

const VERDICTS = {
  1: '> **ALTERED.** Verification when this was packed found that something is not what was sealed. Files of records that were altered are in store/ as they are, and left out of records.ndjson and coverage. If the log itself was altered, nothing here is proved.',
  2: '> **NOT CHECKED.** Something could not be checked when this was packed.',
  4: 'Verification when this was packed: **intact, and less to be believed**: no pin was at hand, or the log was rekeyed.',
} as const;

function proofText(proofs: readonly string[]): string {
  if (proofs.length === 0) return '';
  const id = proofs[0]!;
  return `   proofs/${id}.tlog-proof is a C2SP tlog-proof of the manifest in the log; the base64 in its \`extra\` line is a second one, of the record in
   the manifest. torchwood's \`spicy\` and any other reader of tlog-proof can check both. With slmaudit, and without the store:
   \`slmaudit verify --pin pin.txt --proof proofs/${id}.tlog-proof\`. Of any other record of the span: \`slmaudit prove EVENT_ID --store store\`.
`;
}

function statements({ coverage: c, copied, copy }: Told): string[] {
  const { sealed, pruned, redacted, held } = c.records;
  const longest = c.silences.reduce((most, s) => Math.max(most, s.seconds), 0);
  const policies = copied.told.retention.policies.length;
  const { holds } = copied.told.retention;
  return [
    c.period ? `Events from ${c.period.from} to ${c.period.to}.` : 'No event is known of.',
    `${sealed} records were sealed; ${pruned} were deleted as recorded, ${redacted} redacted, ${held} are under a hold.`,
    c.silences.length === 0
      ? 'No unusual silence of a source.'
      : `${c.silences.length} unusual silences, the longest of ${longest} seconds.`,
    c.log.pauses.length === 0
      ? 'The log was written without an unusual pause.'
      : `The log itself paused ${c.log.pauses.length} times for unusually long.`,
    `${c.rejected.lines} lines were rejected, ${c.rejected.retried} of them are records by now; ${copy.checked.absent} are in quarantine of the store and not here.`,
    `${policies === 1 ? 'No policy but the first: nothing may be deleted.' : `${policies - 1} policies since the log began.`} ${holds.length} holds, ${holds.filter(h => !h.release).length} of them not released.`,
    c.log.clockRegressions === 0
      ? 'Clock: times of entries are those of the host that sealed them, and never went back.'
      : `Clock: times of entries are those of the host that sealed them; ${c.log.clockRegressions} entries were written while it had gone back, and bear the time of the one before.`,
  ];
}
