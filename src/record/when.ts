import { microsOf, readTime, tsOfMicros } from './time.ts';
import { zoneAhead } from './zone.ts';

const MINUTE = 60_000_000;
const DAY = 86_400_000_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1_000_000,
  m: MINUTE,
  h: 60 * MINUTE,
  d: DAY,
  w: 7 * DAY,
};
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/**
 * Times as people say them, as records have them: `2h`, `7d`, `3mo`, `1y` (ago), `now`, `today`, `yesterday`, `tuesday` (the latest, maybe today),
 * `last tuesday` (before today), `2026-05`, `2026-05-01`, `2026-05-01 14:00`, `14:00` (today), RFC 3339. A day is its
 * beginning; what names no zone is in `zone`. `now`: microseconds since 1970. Undefined for what is no time.
 */
export function readWhen(text: string, now: number, zone: string): string | undefined {
  const said = text.trim().toLowerCase();
  const ago = /^(\d{1,6}(?:\.\d{1,3})?)([smhdw])(?: ago)?$/.exec(said);
  if (ago) return tsOfMicros(Math.round(now - Number(ago[1]) * UNITS[ago[2]!]!));
  const months = /^(\d{1,4})(mo|y)(?: ago)?$/.exec(said);
  if (months)
    return atWall(monthsBefore(wallAt(now, zone), Number(months[1]) * (months[2] === 'y' ? 12 : 1)), zone);
  if (said === 'now') return tsOfMicros(now);
  const day = dayOf(said, wallAt(now, zone));
  if (day !== undefined) return atWall(day, zone);
  const bare = /^(\d{4}-\d\d)(?:-(\d\d))?(?:[t ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?)?$/.exec(said);
  if (bare) {
    const [, month, d = '01', clock = '00:00', seconds = ':00'] = bare;
    const read = readTime(`${month}-${d}T${clock}${seconds}Z`);
    return read && atWall(microsOf(read.ts), zone);
  }
  const clock = /^(\d\d):(\d\d)$/.exec(said);
  if (clock && Number(clock[1]) < 24 && Number(clock[2]) < 60) {
    const today = dayOf('today', wallAt(now, zone))!;
    return atWall(today + (Number(clock[1]) * 60 + Number(clock[2])) * MINUTE, zone);
  }
  return readTime(text.trim())?.ts;
}

/** The beginning of a day, as if its zone were UTC. */
function dayOf(said: string, wall: number): number | undefined {
  const today = Math.floor(wall / DAY) * DAY;
  if (said === 'today') return today;
  if (said === 'yesterday') return today - DAY;
  const named = /^(last )?([a-z]+)$/.exec(said);
  const weekday = WEEKDAYS.indexOf(named?.[2] ?? '');
  if (weekday < 0) return undefined;
  const back = (new Date(today / 1000).getUTCDay() - weekday + 7) % 7;
  return today - (back === 0 && named![1] ? 7 : back) * DAY;
}

/** The same day of the month, or the last where that month has no such day. */
function monthsBefore(wall: number, months: number): number {
  const clock = wall - Math.floor(wall / DAY) * DAY;
  const at = new Date((wall - clock) / 1000);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth() - months];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(at.getUTCDate(), last)) * 1000 + clock;
}

/** What the clocks of a zone show, as if it were UTC. */
function wallAt(micros: number, zone: string): number {
  // The offset depends on the wall that is sought: one step from UTC's is enough but for the hour of a change.
  const first = zoneAhead(zone, micros / 1000).minutes;
  return micros + zoneAhead(zone, micros / 1000 + first * 60_000).minutes * MINUTE;
}

function atWall(wall: number, zone: string): string | undefined {
  return tsOfMicros(wall - zoneAhead(zone, Math.floor(wall / 1000)).minutes * MINUTE);
}
