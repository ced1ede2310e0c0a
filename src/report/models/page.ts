import type { Asker } from '../../query/inquiry.ts';
import { counted } from '../../record/figures.ts';
import { type Frame, frameOf, minute, type Wanted } from '../frame.ts';
import type { Page, PageTable } from '../page.ts';
import { changed, millis, percent, searchCommand } from '../say.ts';
import { emptyPage, shownOf, subtitleOf } from '../sections.ts';
import { type ModelsData, modelsOf, type Version } from './facts.ts';

/** Rows of the table of versions that people are shown. */
const SHOWN = 40;

/** Which models and versions answered: what came, what went, what is in use. */
export async function modelsPage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await modelsOf(asker, frame);
  if (data.versions.length === 0) return emptyPage(asker, 'Models', frame, data);
  const used = data.versions.filter(v => v.requests > 0);
  const came = data.versions.filter(v => v.state === 'new');
  const gone = data.versions.filter(v => v.state === 'gone');
  return {
    title: 'Models',
    subtitle: subtitleOf(frame),
    summary: summaryOf(data, came, gone),
    sections: [
      ...(came.length > 0
        ? [
            {
              heading: 'New',
              table: newTable(frame, came, data),
              text: shownOf(came.length, data.counts.new, 'version'),
              more: moreOf(frame, came[0]!),
            },
          ]
        : []),
      ...(gone.length > 0
        ? [
            {
              heading: 'Gone',
              table: goneTable(gone),
              text: shownOf(gone.length, data.counts.gone, 'version'),
            },
          ]
        : []),
      {
        heading: 'In use',
        text: shownOf(Math.min(used.length, SHOWN), Math.max(data.counts.versions, used.length), 'version'),
        table: usedTable(frame, used.slice(0, SHOWN), data.requests),
      },
      ...(data.substituted.length > 0
        ? [{ heading: 'Answered by another model than was asked for', table: substitutedTable(frame, data) }]
        : []),
      ...(data.providers.length > 1 ? [{ heading: 'Providers', table: providersTable(frame, data) }] : []),
    ],
    notes: [...frame.notes, ...notesOf(frame, data)],
    data,
  };
}

function summaryOf(
  { counts, requests, before }: ModelsData,
  came: readonly Version[],
  gone: readonly Version[],
): string[] {
  const names = (some: readonly Version[]): string =>
    some.length > 3 ? `${some.slice(0, 3).map(nameOf).join(', ')} and others` : some.map(nameOf).join(', ');
  if (counts.models === 0 && requests > 0)
    return [`None of ${counted(requests, 'request')} names its model.`];
  return [
    `${counted(counts.models, 'model')} in ${counted(counts.versions, 'version')} answered ${counted(requests, 'request')}.`,
    ...(came.length > 0 ? [`${counted(counts.new, 'version is', 'versions are')} new: ${names(came)}.`] : []),
    ...(gone.length > 0
      ? [
          `${counted(counts.gone, 'version')} of the period before ${counts.gone === 1 ? 'is' : 'are'} gone: ${names(gone)}.`,
        ]
      : []),
    // Without a time before, nothing could have.
    ...(before !== null && came.length + gone.length === 0 ? ['None is new and none is gone.'] : []),
  ];
}

const nameOf = ({ model, model_version: version }: Version): string =>
  `${model ?? '(no model)'}${version === null ? '' : ` (${version})`}`;

const moreOf = (frame: Frame, { model, model_version }: Version): string =>
  searchCommand(frame, { model, model_version });

function notesOf(
  frame: Frame,
  { without_model: noModel, without_version: noVersion, requests }: ModelsData,
): string[] {
  return [
    ...(frame.has && frame.has.oldest >= frame.since
      ? ['The store begins in this period, so nothing is called new.']
      : []),
    ...(noModel > 0 ? [`${percent(noModel, requests)} of the requests name no model.`] : []),
    ...(noVersion > 0
      ? [
          `${percent(noVersion, requests)} of the requests name a model without its version: a change of it would not be seen.`,
        ]
      : []),
  ];
}

function newTable(frame: Frame, came: readonly Version[], { requests }: ModelsData): PageTable {
  return {
    columns: [
      { name: 'model' },
      { name: 'version' },
      { name: 'first seen (UTC)' },
      { name: 'requests', numeric: true },
      { name: 'share', numeric: true, minor: true },
      { name: 'failed', numeric: true },
      { name: 'users', numeric: true, minor: true },
      { name: `by ${frame.bucket}` },
    ],
    rows: came.map(v => [
      v.model ?? '(none)',
      v.model_version,
      minute(v.first_seen),
      v.requests,
      percent(v.requests, requests),
      percent(v.failed, v.requests),
      v.users,
      [...v.by],
    ]),
  };
}

const goneTable = (gone: readonly Version[]): PageTable => ({
  columns: [
    { name: 'model' },
    { name: 'version' },
    { name: 'last seen (UTC)' },
    { name: 'requests before', numeric: true },
  ],
  rows: gone.map(v => [v.model ?? '(none)', v.model_version, minute(v.last_seen), v.before]),
});

function usedTable(frame: Frame, used: readonly Version[], requests: number): PageTable {
  const hasLatency = used.some(v => v.p95_latency_us !== null);
  return {
    columns: [
      { name: 'model' },
      { name: 'version' },
      { name: 'first seen', minor: true },
      { name: 'last seen', minor: true },
      { name: 'requests', numeric: true },
      { name: 'share', numeric: true, minor: true },
      ...(frame.before ? [{ name: 'change', numeric: true }] : []),
      { name: 'failed', numeric: true },
      { name: 'users', numeric: true, minor: true },
      ...(hasLatency ? [{ name: 'p95, ms', numeric: true, minor: true }] : []),
      { name: `by ${frame.bucket}` },
    ],
    rows: used.map(v => [
      v.model ?? '(none)',
      v.model_version,
      v.first_seen.slice(0, 10),
      v.last_seen.slice(0, 10),
      v.requests,
      percent(v.requests, requests),
      ...(frame.before ? [changed(v.requests, v.before)] : []),
      percent(v.failed, v.requests),
      v.users,
      ...(hasLatency ? [millis(v.p95_latency_us)] : []),
      [...v.by],
    ]),
  };
}

function substitutedTable(frame: Frame, { substituted }: ModelsData): PageTable {
  return {
    columns: [
      { name: 'asked for' },
      { name: 'answered by' },
      { name: 'requests', numeric: true },
      ...(frame.before ? [{ name: 'before', numeric: true }] : []),
    ],
    rows: substituted.map(s => [s.model_requested, s.model, s.requests, ...(frame.before ? [s.before] : [])]),
  };
}

function providersTable(frame: Frame, { providers, requests }: ModelsData): PageTable {
  return {
    columns: [
      { name: 'provider' },
      { name: 'requests', numeric: true },
      { name: 'share', numeric: true, minor: true },
      ...(frame.before ? [{ name: 'change', numeric: true }] : []),
    ],
    rows: providers.map(p => [
      p.provider,
      p.requests,
      percent(p.requests, requests),
      ...(frame.before ? [changed(p.requests, p.before)] : []),
    ]),
  };
}
