import { isScalar, type Node } from 'yaml';
import { meant } from '../record/yaml.ts';
import { isZone } from '../record/zone.ts';
import type { RuleReader } from './reader.ts';
import type { CorrelationType, ExpectedHit, FirstSeen, RuleOptions, RuleTest, Usual } from './rule.ts';
import { type Source, TOLD } from './sources.ts';

const DAY = 86_400;
/** A year of history is what a rule may look back on. */
const LONGEST_HISTORY = 366 * DAY;
const DOOR_FIELDS = ['user_id', 'api_key_id', 'client_ip'];
const KEYS = ['entity', 'first_seen', 'usual', 'episode', 'suppress', 'door', 'zone', 'tests'];
const MOST_TEST_EVENTS = 20_000;
const REPEAT_KEYS = ['repeat', 'every'];

/** What stands under `slmaudit:`; `timespan` is the correlation's, in seconds. */
export function optionsOf(
  reader: RuleReader,
  node: Node | undefined,
  about: { readonly source?: Source; readonly type?: CorrelationType; readonly timespan?: number },
): RuleOptions {
  const members = node ? reader.members(node, KEYS) : new Map<string, Node>();
  const [entity, firstSeen, usual, episode, suppress, door, zone, tests] = KEYS.map(k => members.get(k));
  const { type } = about;
  if (type !== undefined && entity)
    reader.refuse(entity, 'RULE_INVALID', 'a correlation is about what its group-by names');
  if (type !== undefined && firstSeen)
    reader.refuse(
      firstSeen,
      'RULE_INVALID',
      'first_seen is for rules without a correlation; correlate such a rule',
    );
  if (usual && (type === undefined || type.startsWith('temporal')))
    reader.refuse(usual, 'RULE_INVALID', 'usual is for correlations with a number');
  const span = (n: Node | undefined, what: string, other: number): number =>
    n ? reader.seconds(n, what, LONGEST_HISTORY) : other;
  return {
    ...(entity && { entity: fields(reader, entity, about.source) }),
    ...(firstSeen && { firstSeen: firstSeenOf(reader, firstSeen, about.source) }),
    ...(usual && { usual: usualOf(reader, usual, about.timespan ?? 0) }),
    episode: span(episode, 'episode', about.timespan ?? 3600),
    suppress: span(suppress, 'suppress', 0),
    door: doorOf(reader, door),
    zone: zone ? zoneOf(reader, zone) : 'UTC',
    tests: tests ? testsOf(reader, tests, about.source?.told ?? TOLD) : [],
  };
}

function fields(reader: RuleReader, node: Node, source: Source | undefined): string[] {
  const names = reader.listed(node).map(n => {
    const name = reader.text(n);
    if (source && !source.field(name))
      reader.refuse(n, 'UNKNOWN_FIELD', `there is no field ${name}${meant(name, source.names)}`);
    return name;
  });
  if (names.length === 0 || names.length > 8 || new Set(names).size < names.length)
    reader.refuse(node, 'RULE_INVALID', 'one to eight different fields belong here');
  return names;
}

function firstSeenOf(reader: RuleReader, node: Node, source: Source | undefined): FirstSeen {
  const members = reader.members(node, ['fields', 'over', 'after', 'for']);
  const [after, lasting] = ['after', 'for'].map(k => members.get(k));
  const over = atLeast(reader, reader.need(members, 'over', node), 'over', 1);
  return {
    fields: fields(reader, reader.need(members, 'fields', node), source),
    over,
    after: after ? reader.seconds(after, 'after', LONGEST_HISTORY) : 0,
    // Longer, and it would be new again meanwhile.
    for: lasting ? reader.seconds(lasting, 'for', over) : 0,
  };
}

function usualOf(reader: RuleReader, node: Node, timespan: number): Usual {
  const members = reader.members(node, ['times', 'over', 'after']);
  const times = reader.scalar(reader.need(members, 'times', node));
  if (typeof times !== 'number' || !(times >= 1))
    return reader.refuse(members.get('times'), 'VALUE', `times is a number from 1 on, not ${times}`);
  const after = members.get('after');
  return {
    times,
    over: atLeast(reader, reader.need(members, 'over', node), 'over', timespan),
    after: after ? reader.seconds(after, 'after', LONGEST_HISTORY) : 0,
  };
}

function atLeast(reader: RuleReader, node: Node, what: string, least: number): number {
  const seconds = reader.seconds(node, what, LONGEST_HISTORY);
  return seconds >= least
    ? seconds
    : reader.refuse(node, 'SPAN', `${what} is shorter than what it looks back from`);
}

function doorOf(reader: RuleReader, node: Node | undefined): RuleOptions['door'] {
  const members = node ? reader.members(node, ['by', 'before']) : new Map<string, Node>();
  const [by, before] = ['by', 'before'].map(k => members.get(k));
  return {
    by: by ? reader.listed(by).map(n => reader.word(n, 'by', DOOR_FIELDS, 'UNKNOWN_FIELD')) : DOOR_FIELDS,
    before: before ? reader.seconds(before, 'before', 31 * DAY) : DAY,
  };
}

function zoneOf(reader: RuleReader, node: Node): string {
  const zone = reader.text(node);
  return isZone(zone) && !/^[+-]/.test(zone)
    ? new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone
    : reader.refuse(node, 'VALUE', `${zone} is no zone: write one such as Europe/Berlin`);
}

function testsOf(reader: RuleReader, node: Node, columns: readonly string[]): RuleTest[] {
  return reader.listed(node).map((one, i) => {
    const members = reader.members(one, ['name', 'events', 'hits']);
    const events = reader.need(members, 'events', one);
    const name = members.get('name');
    let count = 0;
    const told = reader.listed(events).flatMap(event => {
      const series = seriesOf(reader, event, columns);
      count += series.length;
      if (count > MOST_TEST_EVENTS)
        reader.refuse(event, 'TOO_LARGE', `a test has ${MOST_TEST_EVENTS} events at most`);
      return series;
    });
    return {
      name: name ? reader.text(name) : `test ${i + 1}`,
      line: reader.place(one).line,
      events: told,
      hits: reader.listed(reader.need(members, 'hits', one)).map(hit => hitOf(reader, hit)),
    };
  });
}

/** An event, or with `repeat` and `every` as many, each later than the one before; `{n}` in a text counts them from 1, `{n:4}` with four digits. */
function seriesOf(reader: RuleReader, node: Node, columns: readonly string[]): RuleTest['events'] {
  const event: Record<string, string | number | boolean> = {};
  const members = reader.members(node);
  for (const [key, value] of members) {
    if (REPEAT_KEYS.includes(key)) continue;
    if (!columns.includes(key))
      reader.refuse(
        value,
        'UNKNOWN_FIELD',
        `there is no column ${key}${meant(key, [...columns, ...REPEAT_KEYS])}`,
      );
    if (!(isScalar(value) && value.value === null)) event[key] = reader.scalar(value);
  }
  const ts = Date.parse(String(event['ts']));
  if (Number.isNaN(ts))
    reader.refuse(members.get('ts') ?? node, 'VALUE', 'an event has a ts such as 2026-05-01T00:00:00Z');
  const [repeat, every] = REPEAT_KEYS.map(k => members.get(k));
  if (!repeat) return [event];
  const times = reader.scalar(repeat);
  if (typeof times !== 'number' || !Number.isInteger(times) || times < 1 || times > MOST_TEST_EVENTS)
    return reader.refuse(repeat, 'VALUE', `repeat is a count up to ${MOST_TEST_EVENTS}`);
  const step = every ? reader.seconds(every, 'every', LONGEST_HISTORY) : 0;
  return Array.from({ length: times }, (_, n) => ({
    ...Object.fromEntries(
      Object.entries(event).map(([k, v]) => [k, typeof v === 'string' ? counted(v, n + 1) : v]),
    ),
    ts: new Date(ts + n * step * 1000).toISOString(),
  }));
}

const counted = (text: string, n: number): string =>
  text.replaceAll(/\{n(?::(\d{1,2}))?\}/g, (_, digits: string | undefined) =>
    String(n).padStart(Number(digits ?? 0), '0'),
  );

function hitOf(reader: RuleReader, node: Node): ExpectedHit {
  const entity: Record<string, string | null> = {};
  let at: string | undefined;
  for (const [key, value] of reader.members(node)) {
    if (key !== 'at') entity[key] = isScalar(value) && value.value === null ? null : reader.written(value);
    else {
      at = reader.text(value);
      if (Number.isNaN(Date.parse(at)))
        reader.refuse(value, 'VALUE', `at is a time such as 2026-05-01T00:00:00Z, not ${at}`);
    }
  }
  return {
    entity,
    line: reader.place(node).line,
    ...(at !== undefined && { at: new Date(at).toISOString() }),
  };
}
