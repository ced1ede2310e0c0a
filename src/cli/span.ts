import type { Question } from '../query/query.ts';
import { readWhen } from '../record/when.ts';
import { type Context, type Given, type OptionSpec, text } from './command.ts';
import { readZone, usage } from './values.ts';

/** For completions. */
export const zones = (): readonly string[] => ['UTC', ...Intl.supportedValuesOf('timeZone')];

/** Options of every verb that asks about a span of time. */
export const SPAN_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--since <TIME>',
    about: 'only records from then on: 2h, 7d, 3mo, yesterday, "last tuesday", 2026-05-01, RFC 3339',
  },
  { flags: '--until <TIME>', about: 'only records before that' },
  {
    flags: '--zone <ZONE>',
    about: 'of times and days that name none, such as Europe/Berlin',
    default: 'UTC',
    suggests: zones,
  },
];

/** `--since` and `--until` as records have times; what was understood is said. */
export function spanOf(given: Given, { voice }: Context): Pick<Question, 'since' | 'until'> {
  const zone = readZone(text(given, 'zone')) ?? 'UTC';
  const now = Date.now() * 1000;
  const read = (name: 'since' | 'until'): string | undefined => {
    const said = text(given, name);
    if (said === undefined) return undefined;
    const ts = readWhen(said, now, zone);
    if (ts === undefined)
      throw usage(
        `--${name} takes a time such as 2h, 3mo, yesterday, "last tuesday", 2026-05-01 or RFC 3339, not "${said}"`,
      );
    return ts;
  };
  const [since, until] = [read('since'), read('until')];
  if (since !== undefined && until !== undefined && since >= until)
    throw usage(`--since ${since} is not before --until ${until}`);
  const parts = [since && `from ${short(since)}`, until && `before ${short(until)}`].filter(Boolean);
  if (parts.length > 0)
    voice.say(`${parts.join(', ')}${zone === 'UTC' ? ' (UTC)' : `; days of ${zone}, times in UTC`}`);
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

const short = (ts: string): string => ts.replace(/\.?0*Z$/, 'Z');
