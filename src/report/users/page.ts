import type { Asker } from '../../query/inquiry.ts';
import { counted } from '../../record/figures.ts';
import { type Frame, frameOf, minute, type Wanted } from '../frame.ts';
import type { Page, PageTable, Section } from '../page.ts';
import type { Part } from '../parts.ts';
import { compared, percent, searchCommand } from '../say.ts';
import { pointsOf } from '../scope.ts';
import { comparison, emptyPage, moversSection, partsTable, shownOf, subtitleOf } from '../sections.ts';
import { LEAST_FOR_SHARE, type UsersData, usersOf } from './facts.ts';

/** New and gone users that people are shown. */
const SHOWN = 10;

/** Who asked: who is new, back or gone, who asked most. */
export async function usersPage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await usersOf(asker, frame);
  const { now, before } = data.totals;
  if (now.requests === 0 && (before?.requests ?? 0) === 0) return emptyPage(asker, 'Users', frame, data);
  const notes = [...frame.notes, ...notesOf(frame, data)];
  const shared = { title: 'Users', subtitle: subtitleOf(frame), notes, data };
  if (now.users === 0 && (before?.users ?? 0) === 0)
    return {
      ...shared,
      summary: [`None of ${counted(now.requests, 'request')} names its user.`],
      sections: [],
    };
  return {
    ...shared,
    summary: summaryOf(data),
    sections: [
      {
        heading: 'Totals',
        plots: [
          {
            title: `Users by ${frame.bucket}`,
            unit: 'users',
            kind: 'bars',
            points: pointsOf(
              frame,
              data.series.map(p => p.users),
            ),
          },
        ],
        table: comparison(frame, [
          ['users', now.users, before?.users ?? null],
          ['new', now.new, null],
          ['back', now.back, null],
          ['gone', now.gone, null],
          ['requests', now.requests, before?.requests ?? null],
          ['of the ten with most', now.top10_requests, before?.top10_requests ?? null],
          ['without a user', now.without_user, before?.without_user ?? null],
        ]),
      },
      ...comeSection(frame, 'New', data.new, now.new),
      ...comeSection(frame, 'Back', data.back, now.back),
      ...goneSection(data),
      ...moversSection(frame, [{ kind: 'user', none: '', parts: data.moved }], 'requests', {
        now: now.requests,
        before: before?.requests ?? 0,
      }),
      ...listsOf(frame, data),
      ...kindsSection(data),
    ],
  };
}

function listsOf(frame: Frame, data: UsersData): Section[] {
  const { now } = data.totals;
  const parts = [...data.by_requests, ...data.by_tokens];
  const shown = {
    called: 'user',
    none: '',
    all: now.requests,
    tokens: parts.some(p => p.input_tokens !== null || p.output_tokens !== null),
    cost: data.by_cost.length > 0,
  };
  const list = (heading: string, some: readonly Part[], text: string[]): Section[] => {
    const [first] = some;
    if (!first) return [];
    const more = searchCommand(frame, { user_id: first.name });
    return [{ heading, text, table: partsTable(frame, some, shown), more }];
  };
  const of = (some: readonly Part[]): string[] => shownOf(some.length, now.users, 'user');
  return [
    ...list('Most requests', data.by_requests, of(data.by_requests)),
    ...list('Most tokens', data.by_tokens, of(data.by_tokens)),
    ...list('Highest costs', data.by_cost, of(data.by_cost)),
    ...list('Largest share of failures', data.by_failures, [
      `Of users with ${LEAST_FOR_SHARE} requests or more.`,
    ]),
  ];
}

const COME = {
  New: 'Never seen before, in all that the store has.',
  Back: 'Seen before, but not in the period before.',
} as const;

function comeSection(
  frame: Frame,
  heading: keyof typeof COME,
  came: UsersData['new'],
  all: number | null,
): Section[] {
  if (came.length === 0) return [];
  const shown = came.slice(0, SHOWN);
  const table: PageTable = {
    columns: [
      { name: 'user' },
      { name: 'first seen (UTC)' },
      { name: 'requests', numeric: true },
      { name: 'failed', numeric: true },
      { name: 'addresses', numeric: true },
      { name: 'models', numeric: true },
    ],
    rows: shown.map(u => [
      u.user_id,
      minute(u.first_seen),
      u.requests,
      percent(u.failed, u.requests),
      u.addresses,
      u.models,
    ]),
  };
  const more = searchCommand(frame, { user_id: came[0]!.user_id });
  return [{ heading, text: [COME[heading], ...shownOf(shown.length, all ?? 0, 'user')], table, more }];
}

function goneSection({ gone, totals }: UsersData): Section[] {
  if (gone.length === 0) return [];
  const shown = gone.slice(0, SHOWN);
  const table: PageTable = {
    columns: [{ name: 'user' }, { name: 'last seen (UTC)' }, { name: 'requests before', numeric: true }],
    rows: shown.map(u => [u.user_id, minute(u.last_seen), u.requests_before]),
  };
  const text = [
    'Seen in the period before, not in this one.',
    ...shownOf(shown.length, totals.now.gone ?? 0, 'user'),
  ];
  return [{ heading: 'Gone', text, table }];
}

function kindsSection({ kinds, totals }: UsersData): Section[] {
  if (kinds.length < 2) return [];
  const table: PageTable = {
    columns: [
      { name: 'kind' },
      { name: 'users', numeric: true },
      { name: 'requests', numeric: true },
      { name: 'share', numeric: true },
    ],
    rows: kinds.map(k => [
      k.kind ?? '(not said)',
      k.users,
      k.requests,
      percent(k.requests, totals.now.requests),
    ]),
  };
  return [{ heading: 'Kinds of users', table }];
}

function summaryOf({ totals: { now, before } }: UsersData): string[] {
  const changes = [
    ...(now.new === null ? [] : [`${counted(now.new, 'is', 'are')} new, never seen before`]),
    ...(now.back === null ? [] : [`${counted(now.back, 'is', 'are')} back, not seen in the period before`]),
    ...(now.gone === null
      ? []
      : [`${counted(now.gone, 'user', 'users')} of the period before ${now.gone === 1 ? 'is' : 'are'} gone`]),
  ];
  return [
    `${counted(now.users, 'user')} asked${compared(now.users, before?.users)}.`,
    ...(changes.length > 0 ? [`${changes.join('; ')}.`] : []),
    ...(now.users > 10
      ? [`The ten with most made ${percent(now.top10_requests, now.requests)} of all requests.`]
      : []),
  ];
}

function notesOf(frame: Frame, { totals: { now } }: UsersData): string[] {
  return [
    ...(now.new === null && frame.has ? ['The store begins in this period, so nobody is called new.'] : []),
    ...(now.without_user > 0 && now.users > 0
      ? [`${percent(now.without_user, now.requests)} of the requests name no user.`]
      : []),
  ];
}
