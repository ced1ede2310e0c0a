import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { formatPin, type Pin } from '../log/pin.ts';
import { prove } from '../prove/prove.ts';
import { digestFile, localPin, type Store } from '../store/store.ts';
import { exitOf, type Report } from '../verify/finding.ts';
import { controlsCsv } from './controls.ts';
import type { Copied } from './copy.ts';
import { csvText } from './csv.ts';
import type { Gathered } from './gather.ts';
import {
  clockCsv,
  deletionsCsv,
  fieldsCsv,
  holdsCsv,
  payloadsCsv,
  policiesCsv,
  quarantineCsv,
} from './lists.ts';
import { readme } from './readme.ts';
import type { Written } from './records.ts';

/** Writes a new file of a pack. */
export type Put = (name: string, text: string | Buffer) => void;

export const putIn =
  (folder: string): Put =>
  (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), text, { flag: 'wx', mode: 0o600 });
  };

/** What there is to say of a pack. */
export interface Reported extends Gathered {
  readonly store: Store;
  readonly copied: Copied;
  readonly span: { readonly since?: string; readonly until?: string };
  /** What verification said of the store, and of the copy in the pack. */
  readonly report: Report;
  readonly copy: Report;
  readonly exit: number;
  /** Event ids. */
  readonly proofs: readonly string[];
  /** The one that was given. */
  readonly pin: Pin | undefined;
  readonly now: string;
  readonly version: string;
}

/** Everything beside the store, the records and their proofs. */
export function putReports(reported: Reported, put: Put): void {
  const { store, copied, coverage, span, report, copy, exit, proofs, written, troubles, now, version } =
    reported;
  const { told } = copied;
  putTables(reported, put);
  put('checkpoint', told.head.note);
  for (const { entry, note } of told.events)
    if (entry.kind !== 'compact')
      put(`entries/${String(entry.index).padStart(8, '0')}-${entry.kind}.note`, note);
  const local = localPin(store);
  const pin = reported.pin ?? local ?? told.pin;
  if (pin) put('pin.txt', `${formatPin(pin)}\n`);
  const pinFrom = reported.pin ? 'given' : local ? 'host' : 'log';
  const asJson = (r: Report): object => ({ form: 'slmaudit-report/1', exit: exitOf(r), version, ...r });
  put('verification.json', json({ store: asJson(report), pack: asJson(copy) }));
  put(
    'pack.json',
    json({
      form: 'slmaudit-pack/1',
      origin: told.head.origin,
      ...span,
      size: told.head.size,
      root: told.head.root.toString('base64'),
      records: written.records,
      exit,
      packed_at: now,
      versions: { slmaudit: version, node: process.version },
    }),
  );
  put(
    'README.md',
    readme({ span, copied, coverage, written, report, copy, exit, proofs, troubles, pinFrom }),
  );
}

function putTables({ store, copied, coverage, now }: Reported, put: Put): void {
  const { told } = copied;
  put('coverage.json', json(coverage));
  put(
    'coverage.csv',
    csvText(
      ['source', 'day', 'first', 'last', 'sealed', 'pruned', 'redacted', 'held', 'rejected', 'known'],
      coverage.days.map(d => [
        d.source,
        d.day,
        d.first,
        d.last,
        d.sealed,
        d.pruned,
        d.redacted,
        d.held,
        d.rejected,
        d.known,
      ]),
    ),
  );
  put(
    'silences.csv',
    csvText(
      ['source', 'from', 'to', 'seconds', 'alive', 'heartbeats', 'known'],
      coverage.silences.map(s => [s.source, s.from, s.to, s.seconds, s.alive, s.heartbeats, s.known]),
    ),
  );
  put('policies.csv', policiesCsv(told, now));
  put('holds.csv', holdsCsv(told, now));
  put('prunes.csv', deletionsCsv(coverage.deletions.filter(d => d.kind === 'prune')));
  put('redactions.csv', deletionsCsv(coverage.deletions.filter(d => d.kind === 'redact')));
  put('payloads.csv', payloadsCsv(copied));
  put('quarantine.csv', quarantineCsv(store, copied));
  put('clock.csv', clockCsv(told));
  put('fields.csv', fieldsCsv());
  put('controls.csv', controlsCsv());
}

/** The first and the last record, each with its proof: what an auditor checks by hand. */
export async function putProofs(store: Store, { first, last }: Written, put: Put): Promise<string[]> {
  const names: string[] = [];
  for (const seq of new Set([first, last])) {
    if (seq === undefined) continue;
    const { eventId, line, proof } = await prove(store, String(seq));
    put(`proofs/${eventId}.ndjson`, `${line}\n`);
    put(`proofs/${eventId}.tlog-proof`, proof);
    names.push(eventId);
  }
  return names;
}

/** `<hex>  <name>`, as sha256sum writes it. Returns the bytes of all files. */
export async function putSums(folder: string, put: Put): Promise<number> {
  let bytes = 0;
  const lines: string[] = [];
  for (const name of namesUnder(folder)) {
    const digest = await digestFile(join(folder, name));
    lines.push(`${digest!.sha256}  ${name}\n`);
    bytes += digest!.bytes;
  }
  put('SHA256SUMS', lines.join(''));
  return bytes;
}

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** Files, relative and in order. */
export function namesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted((a, b) => (a < b ? -1 : 1));
}
