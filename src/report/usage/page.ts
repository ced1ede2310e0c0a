import type { Asker } from '../../query/inquiry.ts';
import { counted } from '../../record/figures.ts';
import { type Frame, frameOf, type Wanted } from '../frame.ts';
import type { Page, Point, Section } from '../page.ts';
import { namesOf, type Part } from '../parts.ts';
import { compared, dollars, percent, searchCommand } from '../say.ts';
import { pointsOf } from '../scope.ts';
import {
  comparison,
  emptyPage,
  hourText,
  moversSection,
  partsTable,
  shownOf,
  subtitleOf,
} from '../sections.ts';
import { type UsageData, type UsagePoint, type UsageTotals, usageOf } from './facts.ts';

/** How much was asked, of what, and by whom. */
export async function usagePage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await usageOf(asker, frame);
  const { now, before } = data.totals;
  if (now.requests === 0 && (before?.requests ?? 0) === 0) return emptyPage(asker, 'Usage', frame, data);
  const shown = { all: now.requests, tokens: now.with_tokens > 0, cost: now.with_cost > 0 };
  const models = await namesOf(asker, 'usage', 'model');
  return {
    title: 'Usage',
    subtitle: subtitleOf(frame),
    summary: summaryOf(data),
    sections: [
      { heading: 'Totals', plots: plotsOf(frame, data), table: totalsTable(frame, data) },
      ...moversSection(
        frame,
        [
          { kind: 'model', none: '(no model)', parts: data.moved.models },
          { kind: 'source', none: '', parts: data.moved.sources },
          { kind: 'user', none: '(no user)', parts: data.moved.users },
        ],
        'requests',
        { now: now.requests, before: before?.requests ?? 0 },
      ),
      list('Models', data.models, { called: 'model', none: '(none)', ...shown }, models[0], 'model'),
      list(
        'Users with most requests',
        data.users,
        { called: 'user', none: '(none)', ...shown },
        now.users,
        'user',
      ),
      ...(shown.tokens
        ? [
            list(
              'Users with most tokens',
              data.users_by_tokens,
              { called: 'user', none: '(none)', ...shown },
              now.users,
              'user',
            ),
          ]
        : []),
      ...(data.operations.length > 1
        ? [list('Operations', data.operations, { called: 'operation', none: '(none)', ...shown })]
        : []),
      ...(data.sources.length > 1
        ? [list('Sources', data.sources, { called: 'source', none: '', ...shown })]
        : []),
    ],
    notes: [...frame.notes, ...notesOf(now)],
    data,
  };

  function list(
    heading: string,
    parts: readonly Part[],
    how: Parameters<typeof partsTable>[2],
    all = 0,
    one = '',
  ): Section {
    return {
      heading,
      text: shownOf(parts.filter(p => p.name !== null).length, all, one),
      table: partsTable(frame, parts, how),
      ...(how.called === 'user' && { more: userCommand(frame, parts) }),
    };
  }
}

function userCommand(frame: Frame, parts: readonly Part[]): string {
  const first = parts.find(p => p.name !== null)?.name;
  return searchCommand(frame, { user_id: first });
}

function summaryOf({ zone, totals: { now, before }, busiest, models }: UsageData): string[] {
  const by = now.users > 0 ? ` by ${counted(now.users, 'user')}` : '';
  const tokens = (now.input_tokens ?? 0) + (now.output_tokens ?? 0);
  const tokensBefore = before ? (before.input_tokens ?? 0) + (before.output_tokens ?? 0) : undefined;
  const [first] = models;
  return [
    `${counted(now.requests, 'request')}${by}${compared(now.requests, before?.requests)}; ${percent(now.failed, now.requests) || '0%'} failed.`,
    ...(now.with_tokens > 0 ? [`${counted(tokens, 'token')}${compared(tokens, tokensBefore)}.`] : []),
    ...(busiest
      ? [
          `The busiest hour was ${hourText(busiest.hour, zone)}, with ${counted(busiest.requests, 'request')}.`,
        ]
      : []),
    ...(first && first.name !== null && now.models > 1
      ? [`Most was asked of ${first.name}: ${percent(first.requests, now.requests)} of all requests.`]
      : []),
  ];
}

function notesOf({ requests, users, with_tokens: tokens, with_cost: cost }: UsageTotals): string[] {
  if (requests === 0) return [];
  return [
    ...(users === 0 ? ['No request names its user.'] : []),
    ...(tokens === 0
      ? ['No tokens were recorded.']
      : tokens < requests
        ? [`Tokens were recorded of ${percent(tokens, requests)} of the requests; sums are of these.`]
        : []),
    ...(cost > 0 && cost < requests
      ? [`Costs were recorded of ${percent(cost, requests)} of the requests; sums are of these.`]
      : []),
  ];
}

function plotsOf(frame: Frame, { series, totals }: UsageData): NonNullable<Section['plots']> {
  const points = (of: (p: UsagePoint) => number): Point[] => pointsOf(frame, series.map(of));
  return [
    { title: `Requests by ${frame.bucket}`, unit: 'requests', kind: 'bars', points: points(p => p.requests) },
    ...(totals.now.with_tokens > 0
      ? [
          {
            title: `Tokens by ${frame.bucket}`,
            unit: 'tokens',
            kind: 'bars' as const,
            points: points(p => p.input_tokens + p.output_tokens),
          },
        ]
      : []),
  ];
}

function totalsTable(frame: Frame, { totals: { now, before } }: UsageData): NonNullable<Section['table']> {
  const known = (n: number): number | null => (n === 0 ? null : n);
  const each = (of: (t: UsageTotals) => number | null): [number | null, number | null] => [
    of(now),
    before && of(before),
  ];
  const perRequest = (t: UsageTotals): number | null =>
    t.with_tokens === 0 ? null : ((t.input_tokens ?? 0) + (t.output_tokens ?? 0)) / t.with_tokens;
  return comparison(frame, [
    ['requests', now.requests, before?.requests ?? null],
    ['failed', now.failed, before?.failed ?? null],
    ['users', ...each(t => known(t.users))],
    ['addresses', ...each(t => known(t.addresses))],
    ['API keys', ...each(t => known(t.api_keys))],
    ['models', ...each(t => known(t.models))],
    ['input tokens', ...each(t => t.input_tokens)],
    ['of them cached', ...each(t => t.cached_tokens)],
    ['output tokens', ...each(t => t.output_tokens)],
    ['tokens a request', ...each(perRequest)],
    ['cost, USD', ...each(t => t.cost_microusd), dollars],
  ]);
}
