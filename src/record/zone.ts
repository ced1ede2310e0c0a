/** Time zones by name (IANA) or offset. */

/** Is this a zone that `--assume-zone` may name? */
export function isZone(zone: string): boolean {
  if (/^[+-]/.test(zone)) return OFFSET.test(zone) && offsetMinutes(zone) !== undefined;
  try {
    zoneClock(zone);
    return true;
  } catch {
    return false;
  }
}

const OFFSET = /^[+-]\d\d:?\d\d$/;
const clocks = new Map<string, Intl.DateTimeFormat>();

/** Throws RangeError for no zone. */
function zoneClock(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (!clock) {
    const digits = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    } as const;
    clock = new Intl.DateTimeFormat('sv-SE', { ...digits, second: '2-digit', timeZone: zone });
    clocks.set(zone, clock);
  }
  return clock;
}

/** Minutes that a zone is ahead of UTC at an instant, milliseconds since 1970. */
function aheadAt(zone: string, ms: number): number {
  const wall = zoneClock(zone).format(ms).replace(' ', 'T');
  return Math.round((Date.parse(`${wall}Z`) - ms) / 60_000);
}

/**
 * Minutes that a zone is ahead of UTC when its clocks show `wall` (milliseconds, as if it were UTC). Not sure where they are
 * set back and an hour comes twice, or set forward and it never came.
 */
export function zoneAhead(zone: string, wall: number): { readonly minutes: number; readonly sure: boolean } {
  if (OFFSET.test(zone)) return { minutes: offsetMinutes(zone) ?? 0, sure: true };
  const aheads = [aheadAt(zone, wall - 86_400_000), aheadAt(zone, wall + 86_400_000)];
  const fitting = [...new Set(aheads)].filter(a => aheadAt(zone, wall - a * 60_000) === a);
  return { minutes: fitting[0] ?? aheads[0]!, sure: fitting.length === 1 };
}

/** `+02:00`, `+0200`, `+02`; 0 for none. */
export function offsetMinutes(zone: string | undefined): number | undefined {
  const m = /^([+-])(\d\d):?(\d\d)?$/.exec(zone ?? '');
  if (!m) return 0;
  const [hours, minutes] = [Number(m[2]), Number(m[3] ?? 0)];
  if (hours > 23 || minutes > 59) return undefined;
  return (m[1] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/** The day that the calendars of a zone show at an instant, milliseconds since 1970: `YYYY-MM-DD`. */
export function dayIn(zone: string, ms: number): string {
  if (zone === 'UTC' || OFFSET.test(zone))
    return new Date(ms + (offsetMinutes(zone) ?? 0) * 60_000).toISOString().slice(0, 10);
  return zoneClock(zone).format(ms).slice(0, 10);
}

/** What the clocks of a zone show at an instant, milliseconds since 1970, and how far they are ahead: `2026-05-01T02:00:00+02:00`. */
export function clockIn(zone: string, ms: number): string {
  if (zone === 'UTC') return `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const ahead = OFFSET.test(zone) ? (offsetMinutes(zone) ?? 0) : aheadAt(zone, ms);
  const wall = new Date(ms + ahead * 60_000).toISOString().slice(0, 19);
  const minutes = Math.abs(ahead);
  const offset = [Math.floor(minutes / 60), minutes % 60].map(n => String(n).padStart(2, '0')).join(':');
  return `${wall}${ahead < 0 ? '-' : '+'}${offset}`;
}
