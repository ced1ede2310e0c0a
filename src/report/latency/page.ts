import type { Asker } from '../../query/inquiry.ts';
import { counted } from '../../record/figures.ts';
import { type Frame, frameOf, minute, type Wanted } from '../frame.ts';
import type { Page, PageTable, Section } from '../page.ts';
import { changed, millis, percent, searchCommand } from '../say.ts';
import { pointsOf } from '../scope.ts';
import { comparison, emptyPage, subtitleOf } from '../sections.ts';
import {
  type Compared,
  LEAST,
  type LatencyData,
  type LatencyPoint,
  type ModelTimes,
  type Quantiles,
  latencyOf,
} from './facts.ts';

/** How long answers took, and where longer than before. */
export async function latencyPage(asker: Asker, wanted: Wanted): Promise<Page> {
  const frame = await frameOf(asker, wanted);
  const data = await latencyOf(asker, frame);
  const { now, before } = data.totals;
  if (now.requests === 0 && (before?.requests ?? 0) === 0) return emptyPage(asker, 'Latency', frame, data);
  const notes = [
    ...frame.notes,
    'Times are of requests that ended well: what fails, fails at its own pace.',
    ...notesOf(data),
  ];
  const shared = { title: 'Latency', subtitle: subtitleOf(frame), notes, data };
  if (now.with_latency === 0)
    return {
      ...shared,
      summary: [`No latency was recorded of ${counted(now.requests, 'request')}.`],
      sections: [],
    };
  return {
    ...shared,
    summary: summaryOf(data),
    sections: [
      { heading: 'How long it took', plots: plotsOf(frame, data), table: totalsTable(frame, data) },
      ...moversOf(frame, data),
      {
        heading: 'Models and versions',
        table: modelsTable(frame, data),
        text: ['Milliseconds; the slowest first.'],
      },
      ...(data.lengths.length > 1
        ? [
            {
              heading: 'By length of the answer',
              table: lengthsTable(frame, data),
              text: ['Milliseconds, by tokens answered.'],
            },
          ]
        : []),
      slowestSection(frame, data),
    ],
  };
}

function summaryOf(data: LatencyData): string[] {
  const { now, before } = data.totals;
  const { p50, p95 } = now.latency_us!;
  const was = before?.latency_us
    ? `; before ${millis(before.latency_us.p50)} ms and ${millis(before.latency_us.p95)} ms`
    : '';
  const [slower] = data.models
    .filter(isComparable)
    .map(m => ({ m, ratio: m.latency_us!.p95 / Math.max(1, m.before!.latency_us!.p95) }))
    .filter(({ ratio }) => ratio >= 1.25)
    .toSorted((a, b) => b.ratio - a.ratio);
  return [
    `Half of the answers took ${millis(p50)} ms or less, 95% took ${millis(p95)} ms or less${was}.`,
    ...(now.ttft_us
      ? [
          `The first token came after ${millis(now.ttft_us.p50)} ms in half of the streams, ${millis(now.ttft_us.p95)} ms in 95%.`,
        ]
      : []),
    ...(slower
      ? [
          `${nameOf(slower.m)} is slower than before: 95% took ${millis(slower.m.latency_us!.p95)} ms or less, ${millis(slower.m.before!.latency_us!.p95)} ms before.`,
        ]
      : []),
  ];
}

const nameOf = ({ model, model_version: version }: ModelTimes): string =>
  `${model ?? '(no model)'}${version === null ? '' : ` (${version})`}`;

const isComparable = (c: Compared): boolean =>
  c.requests >= LEAST &&
  c.latency_us !== null &&
  (c.before?.requests ?? 0) >= LEAST &&
  !!c.before?.latency_us;

function notesOf({ totals: { now, before }, models }: LatencyData): string[] {
  const few = models.filter(m => m.requests < LEAST).length;
  return [
    ...(now.with_latency > 0 && now.with_latency < now.requests
      ? [`Latency was recorded of ${percent(now.with_latency, now.requests)} of these requests.`]
      : []),
    ...(now.with_ttft === 0 ? ['No time to the first token was recorded.'] : []),
    ...(before && before.requests > 0 && before.with_latency === 0 && now.with_latency > 0
      ? ['No latency was recorded in the period before.']
      : []),
    ...(few > 0
      ? [
          `${counted(few, 'model or version', 'models or versions')} answered fewer than ${LEAST} requests: their percentiles are chance.`,
        ]
      : []),
  ];
}

function plotsOf(frame: Frame, { series, totals }: LatencyData): NonNullable<Section['plots']> {
  const ms = (of: (p: LatencyPoint) => number | null): (number | null)[] =>
    series.map(p => {
      const us = of(p);
      return us === null ? null : Math.round(us / 100) / 10;
    });
  const plot = (title: string, values: (number | null)[]): NonNullable<Section['plots']>[number] => ({
    title,
    unit: 'ms',
    kind: 'line',
    points: pointsOf(frame, values),
  });
  return [
    plot(
      `p50 by ${frame.bucket}`,
      ms(p => p.p50_us),
    ),
    plot(
      `p95 by ${frame.bucket}`,
      ms(p => p.p95_us),
    ),
    ...(totals.now.with_ttft > 0
      ? [
          plot(
            `First token, p95 by ${frame.bucket}`,
            ms(p => p.ttft_p95_us),
          ),
        ]
      : []),
  ];
}

function totalsTable(frame: Frame, { totals: { now, before } }: LatencyData): PageTable {
  const of = (label: string, name: 'latency_us' | 'ttft_us' | 'queue_us') =>
    (['p50', 'p95', 'p99'] as const).map(
      q => [`${label}, ${q}, ms`, now[name]?.[q] ?? null, before?.[name]?.[q] ?? null, millis] as const,
    );
  return comparison(frame, [
    ['requests that ended well', now.requests, before?.requests ?? null],
    ...of('latency', 'latency_us'),
    ...of('first token', 'ttft_us'),
    ...of('queue', 'queue_us'),
    ['tokens a second, median', now.tokens_per_s, before?.tokens_per_s ?? null],
  ]);
}

/** Models and versions whose p95 differs most, both ways. */
function moversOf(frame: Frame, { models }: LatencyData): Section[] {
  if (!frame.before) return [];
  const most = models
    .filter(isComparable)
    .map(m => ({
      m,
      ratio: Math.log(Math.max(1, m.latency_us!.p95) / Math.max(1, m.before!.latency_us!.p95)),
    }))
    .filter(({ ratio }) => Math.abs(ratio) >= Math.log(1.1))
    .toSorted((a, b) => Math.abs(b.ratio) - Math.abs(a.ratio))
    .slice(0, 10);
  if (most.length === 0) return [];
  return [
    {
      heading: 'What changed most',
      table: {
        columns: [
          { name: 'model' },
          { name: 'version' },
          { name: 'p95, ms', numeric: true },
          { name: 'before', numeric: true },
          { name: 'change', numeric: true },
          { name: `p95 by ${frame.bucket}` },
        ],
        rows: most.map(({ m }) => [
          m.model ?? '(none)',
          m.model_version,
          millis(m.latency_us!.p95),
          millis(m.before!.latency_us!.p95),
          changed(m.latency_us!.p95, m.before!.latency_us!.p95),
          [...m.by],
        ]),
      },
    },
  ];
}

function modelsTable(frame: Frame, { models, totals }: LatencyData): PageTable {
  const hasFirst = totals.now.with_ttft > 0;
  const hasSpeed = totals.now.tokens_per_s !== null;
  return {
    columns: [
      { name: 'model' },
      { name: 'version' },
      ...['requests', 'p50', 'p95', 'p99'].map(name => ({
        name,
        numeric: true,
        minor: name === 'p99' || name === 'p50',
      })),
      ...(frame.before ? [{ name: 'p95 before', numeric: true, minor: true }] : []),
      ...(hasFirst
        ? [
            { name: 'first p50', numeric: true, minor: true },
            { name: 'first p95', numeric: true, minor: true },
          ]
        : []),
      ...(hasSpeed ? [{ name: 'tokens/s', numeric: true, minor: true }] : []),
      { name: `p95 by ${frame.bucket}` },
    ],
    rows: models.map(m => [
      m.model ?? '(none)',
      m.model_version,
      m.requests,
      ...threeOf(m.latency_us),
      ...(frame.before ? [millis(m.before?.latency_us?.p95 ?? null)] : []),
      ...(hasFirst ? [millis(m.ttft_us?.p50 ?? null), millis(m.ttft_us?.p95 ?? null)] : []),
      ...(hasSpeed ? [m.tokens_per_s] : []),
      [...m.by],
    ]),
  };
}

const threeOf = (q: Quantiles | null): string[] =>
  [q?.p50 ?? null, q?.p95 ?? null, q?.p99 ?? null].map(millis);

function lengthsTable(frame: Frame, { lengths }: LatencyData): PageTable {
  return {
    columns: [
      { name: 'tokens answered' },
      ...['requests', 'p50', 'p95', 'p99'].map(name => ({ name, numeric: true })),
      ...(frame.before
        ? [
            { name: 'p95 before', numeric: true, minor: true },
            { name: 'change', numeric: true },
          ]
        : []),
    ],
    rows: lengths.map(l => [
      l.output_tokens,
      l.requests,
      ...threeOf(l.latency_us),
      ...(frame.before
        ? [
            millis(l.before?.latency_us?.p95 ?? null),
            isComparable(l) ? changed(l.latency_us!.p95, l.before!.latency_us!.p95) : '',
          ]
        : []),
    ]),
  };
}

function slowestSection(frame: Frame, { slowest }: LatencyData): Section {
  const [first] = slowest;
  return {
    heading: 'Slowest answers',
    table: {
      columns: [
        { name: 'time (UTC)' },
        { name: 'ms', numeric: true },
        { name: 'tokens out', numeric: true, minor: true },
        { name: 'model', minor: true },
        { name: 'user', minor: true },
        { name: 'event id' },
      ],
      rows: slowest.map(s => [
        minute(s.ts),
        millis(s.latency_us),
        s.output_tokens,
        s.model,
        s.user_id,
        s.event_id,
      ]),
    },
    ...(first && {
      more: searchCommand(
        frame,
        { model: first.model },
        `latency_ms >= ${Math.floor(slowest.at(-1)!.latency_us / 1000)}`,
      ),
    }),
  };
}
