import type { Cell } from '../../duck/job.ts';
import type { Asker } from '../../query/inquiry.ts';
import { counted, grouped } from '../../record/figures.ts';
import type { Page, Section } from '../../report/page.ts';
import { type Prompt, type Prompts, promptsIn, type Why } from './prompts.ts';
import { percent, sentence } from '../says.ts';

/** The page of `slmaudit report prompts`. */
export async function promptsPage(
  asker: Asker,
  wanted: { readonly since?: string; readonly until?: string; readonly zone: string },
): Promise<Page> {
  const data = await promptsIn(asker, wanted);
  return {
    title: 'Prompts',
    ...(data.since !== null && { subtitle: `${minute(data.since)} to ${minute(data.until!)} (UTC)` }),
    summary: summaryOf(data),
    isEmpty: data.since === null,
    sections: REASONS.flatMap(reason => section(reason, data)),
    notes: data.since === null ? [] : data.notes.map(sentence),
    data,
  };
}

const minute = (ts: string): string => ts.slice(0, 16).replace('T', ' ');

interface Reason {
  readonly why: Why;
  readonly heading: string;
  readonly text: string;
  /** What comes first. */
  readonly by: (p: Prompt) => number;
}

const REASONS: readonly Reason[] = [
  {
    why: 'script',
    heading: 'Sent as a script sends',
    text: 'One user sent the same prompt at least 20 times, at times so even that hardly anybody types them.',
    by: p => p.requests,
  },
  {
    why: 'failing',
    heading: 'Ending in failures or refusals',
    text: 'So many failed or were refused that it is not to be expected by chance, where all prompts fail alike.',
    by: p => -(p.p ?? 1),
  },
  {
    why: 'shared',
    heading: 'Sent by many users',
    text: 'Templates and examples are among them, and so is what is passed around.',
    by: p => p.users,
  },
  {
    why: 'tokens',
    heading: 'Burning most tokens',
    text: 'Tokens of prompts and completions, over all who sent it.',
    by: p => p.tokens,
  },
];

function summaryOf({ since, requests, repeated, least, failed_share, prompts, notes }: Prompts): string[] {
  if (since === null) return [sentence(notes[0]!)];
  if (requests === 0) return ['There are no prompts to look at.'];
  const scripts = prompts.filter(p => p.why.includes('script')).length;
  const failing = prompts.filter(p => p.why.includes('failing')).length;
  return [
    `${counted(repeated, 'prompt')} came ${least} times or more, among ${counted(requests, 'request')}; ${percent(100 * failed_share)} of all failed or were refused.`,
    `${grouped(scripts)} of those shown look sent by a script, ${grouped(failing)} fail more often than chance says.`,
  ];
}

function section({ why, heading, text, by }: Reason, { prompts }: Prompts): Section[] {
  const some = prompts.filter(p => p.why.includes(why)).toSorted((a, b) => by(b) - by(a));
  if (some.length === 0) return [];
  return [
    {
      heading,
      text: [text],
      table: {
        columns: [
          { name: 'prompt' },
          { name: 'requests', numeric: true },
          { name: 'users', numeric: true },
          { name: 'most by' },
          { name: 'failed', numeric: true },
          { name: 'refused', numeric: true, minor: true },
          { name: 'tokens', numeric: true },
          { name: 'days', numeric: true, minor: true },
          { name: 'first', minor: true },
          { name: 'last', minor: true },
          { name: 'every s', numeric: true },
          { name: 'jitter', numeric: true, minor: true },
        ],
        rows: some.map((p): Cell[] => [
          p.prompt_hash.slice(0, 16),
          p.requests,
          p.users,
          p.top_user === null ? null : `${p.top_user} (${grouped(p.top_requests)})`,
          p.failed,
          p.refused,
          p.tokens,
          p.days,
          minute(p.first),
          minute(p.last),
          p.every_s === null ? null : Math.round(p.every_s * 10) / 10,
          p.jitter_pct === null ? null : `${Math.round(p.jitter_pct)}%`,
        ]),
      },
      more: `slmaudit search --prompt-hash ${some[0]!.prompt_hash.slice(0, 16)}`,
    },
  ];
}
