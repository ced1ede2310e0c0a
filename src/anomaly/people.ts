import type { Asker } from '../query/inquiry.ts';
import { numberOf, textOf } from '../report/rows.ts';
import { type Magnitude, magnitudesTested } from './entities.ts';
import { HOUR_US, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';

/** What is asked of users and addresses, one magnitude each. */
export function magnitudesOf({ told }: Frame): Magnitude[] {
  const of = (column: 'user_id' | 'client_ip'): string => `event_type = '${told[column]}'`;
  const flags = (column: 'user_id' | 'client_ip'): string => `--type ${told[column]}`;
  const users = {
    column: 'user_id',
    table: 'an_users',
    where: of('user_id'),
    flags: flags('user_id'),
  } as const;
  const addresses = {
    column: 'client_ip',
    table: 'an_addresses',
    where: of('client_ip'),
    flags: flags('client_ip'),
  } as const;
  const requests = { value: 'n', step: 'hour', unit: 'requests', times: 3, least: 30 } as const;
  const tokens = { value: 'tokens', unit: 'tokens', times: 4, least: 50_000 } as const;
  return [
    ...(told.user_id === undefined
      ? []
      : [
          { ...users, ...requests, family: 'user-requests' } as const,
          { ...users, ...requests, family: 'user-requests', step: 'day', least: 100 } as const,
          { ...users, ...tokens, family: 'user-tokens', step: 'hour' } as const,
          { ...users, ...tokens, family: 'user-tokens', step: 'day' } as const,
        ]),
    ...(told.client_ip === undefined
      ? []
      : [{ ...addresses, ...requests, family: 'address-requests' } as const]),
  ];
}

/** Days on which a user got many tokens of completions, in answers at least twice as long as before. */
export async function exfiltrationTested(asker: Asker, frame: Frame): Promise<Tested> {
  if (frame.told.user_id === undefined || frame.told.total_tokens === undefined)
    return { family: 'exfiltration', tested: 0, candidates: [], notes: [] };
  const told = await magnitudesTested(asker, frame, {
    family: 'exfiltration',
    column: 'user_id',
    table: 'an_users',
    value: 'output',
    step: 'day',
    unit: 'tokens',
    times: 4,
    least: 20_000,
    where: `event_type = '${frame.told.user_id}'`,
    flags: `--type ${frame.told.user_id}`,
  });
  const rows =
    await asker.all(`SELECT c.e, c.step, sum(output) FILTER (o.hour // 24 = c.step) / sum(n) FILTER (o.hour // 24 = c.step) AS now,
      sum(output) FILTER (o.hour // 24 < c.step) / sum(n) FILTER (o.hour // 24 < c.step) AS past
    FROM an_users_output_day_seen c JOIN an_users o ON o.e = c.e AND o.hour // 24 BETWEEN c.step - 56 AND c.step GROUP BY ALL`);
  const lengths = new Map(rows.map(r => [`${numberOf(r, 'step')} ${textOf(r, 'e')}`, r]));
  const candidates = told.candidates.flatMap(candidate => {
    const row = lengths.get(`${candidate.from / HOUR_US / 24} ${candidate.entity.user_id}`);
    const [now, past] = [Number(row?.['now'] ?? 0), Number(row?.['past'] ?? 0)];
    if (past <= 0 || now < LONGER * past) return [];
    return [{ ...candidate, also: [`${Math.round(now)} tokens an answer, ${Math.round(past)} before`] }];
  });
  return { ...told, candidates };
}

const LONGER = 2;
