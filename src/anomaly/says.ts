import { counted, grouped } from '../record/figures.ts';
import { type Candidate, type Entity } from './finding.ts';

/** What a finding says, in a sentence. Names come from a log: whoever shows it makes them harmless. */
export function saysOf(finding: Candidate): string {
  const { family, seen, expected, unit, by } = finding;
  const time = isOfDays(finding) ? 'in a day' : finding.family === 'failures' ? 'within hours' : 'in an hour';
  const whose = nameOf(finding.entity);
  const against = `${amount(expected)} ${expected === 1 && unit === 'requests' ? 'is' : 'are'} usual by ${by}`;
  switch (family) {
    case 'silence':
      return `Nothing came${whose === '' ? '' : ` from ${whose}`}, where about ${amount(expected)} records were to be expected by ${by}.`;
    case 'failures':
    case 'user-failures':
      return `${percent(seen)} of the requests of ${whose || 'all'} ${finding.where.includes('refused') ? 'were refused' : 'failed'} ${time}; ${percent(expected)} is usual by ${by}.`;
    case 'latency':
      return `Requests of ${whose} took ${amount(seen)} ms on average ${time}; ${amount(expected)} ms is usual by ${by}.`;
    case 'repetition':
      return `${whose} sent one prompt ${amount(seen)} times in a day; ${against}.`;
    case 'door':
      return `${amount(seen)} logins of ${whose} failed in an hour; ${against}.`;
    case 'new-address':
      return `${whose}, new, sent ${amount(seen)} requests within its first day; ${against}.`;
    case 'exfiltration':
      return `${whose} got ${amount(seen)} tokens of completions in a day; ${against}.`;
    case 'requests':
      return `${amount(seen)} requests${whose === '' ? '' : ` of ${whose}`} came in an hour; ${against}.`;
    default:
      return `${amount(seen)} ${unit} of ${whose} came ${time}; ${against}.`;
  }
}

/** A few words for a heading. `group`: all that it comes with. */
export function headingOf(
  { family, entity, seen, expected }: Candidate,
  group: readonly Candidate[] = [],
): string {
  const whose = nameOf(entity);
  const models = new Set(group.filter(f => f.family === family).map(f => f.entity.model ?? entity.model));
  const more = models.size > 1 ? ` and ${counted(models.size - 1, 'more model')}` : '';
  const of = whose === '' ? '' : ` of ${whose}${more}`;
  switch (family) {
    case 'silence':
      return `Nothing came${whose === '' ? '' : ` from ${whose}`}`;
    case 'failures':
      return `Failures${of}`;
    case 'user-failures':
      return `Failed or refused requests${of}`;
    case 'latency':
      return `Slow answers${of}`;
    case 'repetition':
      return `One prompt again and again, from ${nameOf({ ...(entity.user_id && { user_id: entity.user_id }) })}`;
    case 'door':
      return `Failed logins${of}`;
    case 'new-address':
      return `Many requests from a new address, ${whose}`;
    case 'exfiltration':
      return `Many and long completions for ${whose}`;
    case 'user-tokens':
      return `Many tokens${of}`;
    default:
      return `${seen >= expected ? 'Many' : 'Few'} requests${of}`;
  }
}

const isOfDays = ({ family, by }: Candidate): boolean =>
  family === 'repetition' || family === 'exfiltration' || family === 'user-failures' || by.includes('days');

function nameOf(entity: Entity): string {
  const { user_id, client_ip, model, model_version, source_id } = entity;
  if (user_id !== undefined) return user_id;
  if (client_ip !== undefined) return client_ip;
  if (model_version !== undefined) return `${model} ${model_version}`;
  return model ?? source_id ?? '';
}

/** `12,345`, `3.4`: three digits and more are whole. */
export function amount(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return grouped(Math.round(value));
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

export const percent = (hundredths: number): string =>
  `${hundredths >= 10 ? hundredths.toFixed(0) : hundredths.toFixed(1)}%`;

/** `1 in 12 million`: how seldom something so unusual comes by chance, as its value says it. */
export const chanceOf = (p: number): string => (p < 1e-15 ? 'p < 1e-15' : `p ${p.toExponential(0)}`);

/** A note as a line of its own. */
export const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
