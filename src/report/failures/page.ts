import type { Cell } from '../../duck/job.ts';
import type { Asker } from '../../query/inquiry.ts';
import { counted } from '../../record/figures.ts';
import { type Frame, frameOf, minute, type Wanted } from '../frame.ts';
import type { Page, PageTable, Section } from '../page.ts';
import { apart, changed, percent, spanOptions } from '../say.ts';
import { pointsOf } from '../scope.ts';
import { comparison, emptyPage, hourText, moversSection, shownOf, subtitleOf } from '../sections.ts';
import { type FailuresData, STATUSES, failuresOf } from './facts.ts';

/** What failed, how, and where more than before. */
export async function failuresPage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await failuresOf(asker, frame);
  const { now, before } = data.totals;
  if (now.requests === 0 && (before?.requests ?? 0) === 0) return emptyPage(asker, 'Failures', frame, data);
  const failed = data.users.filter(u => u.name !== null).length;
  return {
    title: 'Failures',
    subtitle: subtitleOf(frame),
    summary: summaryOf(data),
    sections: [
      {
        heading: 'How requests ended',
        plots: [
          {
            title: `Failed by ${frame.bucket}`,
            unit: '%',
            kind: 'line',
            points: pointsOf(frame, data.series.map(shareOf)),
          },
          {
            title: `Failed requests by ${frame.bucket}`,
            unit: 'requests',
            kind: 'bars',
            points: pointsOf(
              frame,
              data.series.map(p => p.failed),
            ),
          },
        ],
        table: endsTable(frame, data),
        more: `slmaudit search --status error,denied ${spanOptions(frame)}`,
      },
      ...moversSection(
        frame,
        [
          { kind: 'model', none: '(no model)', parts: data.moved.models },
          { kind: 'source', none: '', parts: data.moved.sources },
          { kind: 'user', none: '(no user)', parts: data.moved.users },
        ],
        'failed',
        { now: now.failed, before: before?.failed ?? 0 },
      ),
      { heading: 'Kinds of failure', table: kindsTable(frame, data) },
      ...(data.http.length > 0 ? [{ heading: 'HTTP status', table: httpTable(frame, data) }] : []),
      { heading: 'Models and versions', table: buildsTable(frame, data) },
      {
        heading: 'Worst hours',
        table: hoursTable(data),
        text: ['Hours in which more than twice the usual share failed, the least likely first.'],
      },
      {
        heading: 'Users with most failures',
        text: shownOf(failed, failed, 'user'),
        table: usersTable(frame, data),
      },
      ...loginsSection(frame, data),
    ],
    notes: [
      ...frame.notes,
      'Failed are requests that ended as error or denied. Refusals of a model and requests that were cancelled are counted by themselves.',
      ...(now.unknown > 0 ? [`How ${counted(now.unknown, 'request')} ended was not recorded.`] : []),
    ],
    data,
  };
}

function summaryOf({
  zone,
  totals: { now, before },
  kinds,
  models,
  worst_hours: [worst],
}: FailuresData): string[] {
  const was =
    before && before.requests > 0 ? `; before it was ${percent(before.failed, before.requests)}` : '';
  const first = kinds.find(k => k.status === 'error' || k.status === 'denied');
  const all = now.requests === 0 ? 0 : now.failed / now.requests;
  const bad = models.find(m => m.requests >= 30 && m.failed >= 10 && m.failed / m.requests > 2 * all);
  return [
    `${counted(now.failed, 'request')} of ${counted(now.requests, 'request').replace(/ requests?$/, '')} failed: ${percent(now.failed, now.requests) || '0%'}${was}.`,
    ...(first
      ? [`Most often: ${first.error_type ?? first.status}, ${counted(first.requests, 'time')}.`]
      : []),
    ...(bad
      ? [
          `${percent(bad.failed, bad.requests)} failed of what ${bad.model ?? '(no model)'}${bad.model_version === null ? '' : ` (${bad.model_version})`} was asked.`,
        ]
      : []),
    ...(worst
      ? [
          `The worst hour was ${hourText(worst.hour, zone)}: ${counted(worst.failed, 'failure')} of ${counted(worst.requests, 'request')}.`,
        ]
      : []),
  ];
}

const shareOf = ({ requests, failed }: { requests: number; failed: number }): number | null =>
  requests === 0 ? null : Math.round((10_000 * failed) / requests) / 100;

function endsTable(frame: Frame, { totals: { now, before } }: FailuresData): PageTable {
  const names = (['requests', 'failed', ...STATUSES] as const).filter(
    (name, i) => i < 2 || now[name] > 0 || (before?.[name] ?? 0) > 0,
  );
  const { columns, rows } = comparison(
    frame,
    names.map(name => [LABELS[name] ?? name, now[name], before?.[name] ?? null]),
  );
  // Shares say more than counts, where there is more traffic than before.
  const shares = names.map((name): Cell[] => [
    percent(now[name], now.requests),
    ...(before ? [percent(before[name], before.requests)] : []),
  ]);
  const added = [
    { name: 'share', numeric: true },
    ...(before ? [{ name: 'share before', numeric: true }] : []),
  ];
  return {
    columns: [...columns, ...added],
    rows: rows.map((row, i) => [...row, ...shares[i]!]),
  };
}

const LABELS: Readonly<Record<string, string>> = {
  error: 'of them error',
  denied: 'of them denied',
};

function kindsTable(frame: Frame, { kinds }: FailuresData): PageTable {
  return {
    columns: [
      { name: 'status' },
      { name: 'kind' },
      { name: 'requests', numeric: true },
      ...(frame.before ? [{ name: 'change', numeric: true }] : []),
      { name: 'users', numeric: true },
      { name: 'last' },
      { name: `by ${frame.bucket}` },
    ],
    rows: kinds.map(k => [
      k.status,
      k.error_type ?? '(not said)',
      k.requests,
      ...(frame.before ? [changed(k.requests, k.before)] : []),
      k.users,
      minute(k.last),
      [...k.by],
    ]),
  };
}

function httpTable(frame: Frame, { http, totals }: FailuresData): PageTable {
  return {
    columns: [
      { name: 'HTTP status' },
      { name: 'requests', numeric: true },
      { name: 'share', numeric: true },
      ...(frame.before ? [{ name: 'change', numeric: true }] : []),
      { name: `by ${frame.bucket}` },
    ],
    rows: http.map(p => [
      p.name,
      p.requests,
      percent(p.requests, totals.now.requests),
      ...(frame.before ? [changed(p.requests, p.before?.requests)] : []),
      [...p.by],
    ]),
  };
}

function buildsTable(frame: Frame, { models }: FailuresData): PageTable {
  return {
    columns: [
      { name: 'model' },
      { name: 'version' },
      { name: 'requests', numeric: true },
      { name: 'failed', numeric: true },
      { name: 'share', numeric: true },
      ...(frame.before
        ? [
            { name: 'before', numeric: true },
            { name: 'difference', numeric: true, minor: true },
          ]
        : []),
      { name: `by ${frame.bucket}` },
    ],
    rows: models.map(m => [
      m.model ?? '(none)',
      m.model_version,
      m.requests,
      m.failed,
      percent(m.failed, m.requests),
      ...(m.before
        ? [
            percent(m.before.failed, m.before.requests),
            apart([m.failed, m.requests], [m.before.failed, m.before.requests]),
          ]
        : []),
      [...m.by],
    ]),
  };
}

function usersTable(frame: Frame, { users }: FailuresData): PageTable {
  return {
    columns: [
      { name: 'user' },
      { name: 'failed', numeric: true },
      { name: 'of', numeric: true },
      { name: 'share', numeric: true },
      ...(frame.before
        ? [
            { name: 'failed before', numeric: true },
            { name: 'share before', numeric: true },
          ]
        : []),
    ],
    rows: users.map(u => [
      u.name ?? '(none)',
      u.failed,
      u.requests,
      percent(u.failed, u.requests),
      ...(u.before ? [u.before.failed, percent(u.before.failed, u.before.requests)] : []),
    ]),
  };
}

const hoursTable = ({ zone, worst_hours: hours }: FailuresData): PageTable => ({
  columns: [
    { name: `hour (${zone})` },
    { name: 'failed', numeric: true },
    { name: 'of', numeric: true },
    { name: 'share', numeric: true },
    { name: 'mostly' },
  ],
  rows: hours.map(h => [
    hourText(h.hour, zone).slice(0, 16),
    h.failed,
    h.requests,
    percent(h.failed, h.requests),
    h.mostly,
  ]),
});

function loginsSection(frame: Frame, { logins }: FailuresData): Section[] {
  if (!logins) return [];
  const { now, before } = logins;
  return [
    {
      heading: 'Logins',
      table: comparison(frame, [
        ['succeeded', now.succeeded, before?.succeeded ?? null],
        ['failed', now.failed, before?.failed ?? null],
        ['users who failed', now.users_failed, before?.users_failed ?? null],
      ]),
      more: `slmaudit query @failed-logins ${spanOptions(frame)}`,
    },
  ];
}
