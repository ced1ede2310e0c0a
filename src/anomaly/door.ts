import { FAILED_LOGIN, SUCCEEDED_LOGIN } from '../door/login.ts';
import type { Asker } from '../query/inquiry.ts';
import { tsOfMicros } from '../record/time.ts';
import { numberOf, textOf } from '../report/rows.ts';
import { magnitudesTested } from './entities.ts';
import { type Candidate, HOUR_US, type Tested } from './finding.ts';
import { type Frame, OTHERS, within } from './frame.ts';

/** Failed logins in an hour, of an address and of an account, against those of all. */
export async function doorTested(asker: Asker, frame: Frame): Promise<readonly Tested[]> {
  const told: Tested[] = [];
  for (const column of ['client_ip', 'user_id'] as const) {
    const table = column === 'user_id' ? 'an_accounts' : 'an_doors';
    await asker.keep(
      table,
      `SELECT ${column} AS e, epoch_us(ts) // ${HOUR_US} AS hour, count(*) AS failed FROM records
      WHERE ${FAILED_LOGIN} AND ${column} IS NOT NULL AND ${OTHERS} GROUP BY ALL`,
    );
    told.push(
      await magnitudesTested(asker, frame, {
        family: 'door',
        column,
        table,
        value: 'failed',
        step: 'hour',
        unit: 'failed logins',
        times: 5,
        least: 10,
        ones: 100,
        where: FAILED_LOGIN,
        flags: '--type auth',
      }),
    );
  }
  return told;
}

const DAY_US = 24 * HOUR_US;

/** Whether failed logins were followed by one that succeeded, of the same address or account within a day. */
export async function successAfter(asker: Asker, candidate: Candidate): Promise<Candidate> {
  const [column, value] = Object.entries(candidate.entity)[0]!;
  const rows = await asker.all(
    `SELECT epoch_us(ts) AS at_us, user_id, client_ip, mfa, event_id FROM records
    WHERE ${SUCCEEDED_LOGIN} AND ${column} = $value AND ${within(candidate.from, candidate.to + DAY_US)}
      AND ts > (SELECT min(ts) FROM records WHERE ${candidate.where} AND ${column} = $value AND ${within(candidate.from, candidate.to)})
    ORDER BY ts, event_id LIMIT 1`,
    { value },
  );
  const first = rows[0];
  if (!first) return { ...candidate, also: [...candidate.also, 'none succeeded within a day'] };
  const [user, ip] = [textOf(first, 'user_id'), textOf(first, 'client_ip')];
  const who = `${user === '' ? '' : ` of ${user}`}${ip === '' ? '' : ` from ${ip}`}`;
  const when = tsOfMicros(numberOf(first, 'at_us'))!.slice(0, 19);
  const what = `a login${who} succeeded at ${when}Z${first['mfa'] === false ? ' without a second factor' : ''}`;
  const success = {
    event_id: textOf(first, 'event_id'),
    at: Number(first['at_us']),
    ...(user !== '' && { user_id: user }),
  };
  return { ...candidate, also: [...candidate.also, what], success };
}
