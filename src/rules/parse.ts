import { isMap, isSeq, type Node } from 'yaml';
import { meant, type Members } from '../record/yaml.ts';
import { type Correlated, correlationOf } from './correlation.ts';
import { allOf, detectionSql } from './detection.ts';
import { optionsOf } from './options.ts';
import { isNearly } from '../record/nearest.ts';
import { Mistakes, type RuleReader } from './reader.ts';
import { type CorrelationType, LEVELS, type Rule, type RuleProblem } from './rule.ts';
import { CATEGORIES, type Logsource, SERVICES, type Source, sourceOf } from './sources.ts';

/** A rule that was read, whose names of other rules are names still. */
export type Parsed = Plain | Correlated;

export interface Plain {
  readonly is: 'plain';
  readonly rule: Rule;
  readonly source: Source;
  /** A condition in SQL over the source, its own included. */
  readonly where: string;
}

export type Resolve = (logsource: Logsource) => Source | undefined;

/** Statuses under which a rule is not run. */
export const UNRUN: readonly string[] = ['unsupported', 'deprecated'];
const STATUSES = ['stable', 'test', 'experimental', ...UNRUN];

/** Of a correlation's number, by its type, what it is a number of. */
const MEASURES: Partial<Record<CorrelationType, (field: string) => string>> = {
  event_count: () => 'events',
  value_count: field => `different ${field}`,
  value_sum: field => field,
  value_avg: field => `${field} on average`,
};

/** Of a rule's first level, by Sigma; others may stand there too. */
const KEYS =
  `title id name related taxonomy status description license author references date modified logsource detection
  correlation fields falsepositives level tags scope action filter slmaudit`.split(/\s+/);

/** Keys that are nearly one that is known, which isn't there: what they say is not heard. */
export function misspelledKeys(reader: RuleReader): RuleProblem[] {
  const { contents, file } = reader;
  if (!isMap(contents)) return [];
  const own = contents.items.map(({ key }) => key as Node);
  const names = own.map(key => reader.written(key));
  return own.flatMap((key, i) => {
    const name = names[i]!;
    if (KEYS.includes(name)) return [];
    const near = KEYS.find(known => !names.includes(known) && isNearly(name, known));
    if (near === undefined) return [];
    const message = `${name} is not read; did you mean ${near}?`;
    return [{ file, ...reader.place(key), code: 'UNKNOWN_KEY', message }];
  });
}

/** Throws RuleError. `resolve`: what stands behind a logsource. */
export function parseRule(reader: RuleReader, resolve: Resolve = sourceOf): Parsed {
  const { contents } = reader;
  if (!isMap(contents))
    reader.refuse(
      contents,
      'RULE_INVALID',
      `this is no rule: it is ${isSeq(contents) ? 'a list' : 'a text'}, and a rule has title, logsource and detection`,
    );
  const members = reader.members(contents);
  refuseUnread(reader, members);
  const correlation = members.get('correlation');
  const detection = members.get('detection');
  if (correlation && detection)
    reader.refuse(correlation, 'RULE_INVALID', 'a correlation stands in a document of its own, behind ---');
  if (correlation) return correlatedOf(reader, members, correlation);
  if (detection) return plainOf(reader, members, detection, resolve);
  return reader.refuse(
    contents,
    'RULE_INVALID',
    `neither detection nor correlation is there${misspelled(members)}`,
  );
}

/** What a rule may have by older or larger versions of Sigma, and would change what it means. */
function refuseUnread(reader: RuleReader, members: Members): void {
  if (members.has('filter'))
    reader.refuse(
      members.get('filter'),
      'UNSUPPORTED_FILTER',
      'filters of rules in other files are not supported: write `and not` into the rule',
    );
  if (members.has('action') || members.has('scope'))
    reader.refuse(
      members.get('action') ?? members.get('scope'),
      'UNSUPPORTED_ACTION',
      'action and scope are no part of Sigma any more',
    );
}

function correlatedOf(reader: RuleReader, members: Members, correlation: Node): Correlated {
  const mistakes = new Mistakes();
  const described = mistakes.in(() => about(reader, members));
  const read = mistakes.in(() => correlationOf(reader, correlation));
  const options = read && mistakes.in(() => optionsOf(reader, members.get('slmaudit'), read));
  mistakes.end();
  const { type, field, timespan } = read!;
  const what = MEASURES[type]?.(field ?? '');
  const measures = what === undefined ? {} : { measures: { what, within: timespan } };
  return { ...read!, rule: { ...described!, correlation: type, ...measures, options: options! } };
}

function plainOf(reader: RuleReader, members: Members, detection: Node, resolve: Resolve): Plain {
  const mistakes = new Mistakes();
  const described = mistakes.in(() => about(reader, members));
  const source = mistakes.in(() =>
    logsourceOf(reader, reader.need(members, 'logsource', reader.contents), resolve),
  );
  const options = source && mistakes.in(() => optionsOf(reader, members.get('slmaudit'), { source }));
  const zone = options?.zone ?? 'UTC';
  const where = source && mistakes.in(() => detectionSql({ reader, source, zone }, detection));
  mistakes.end();
  const { where: own } = source!;
  return {
    is: 'plain',
    rule: { ...described!, options: options! },
    source: source!,
    where: own === undefined ? where! : allOf([own, where!]),
  };
}

function misspelled(members: Members): string {
  return [...members.keys()].map(key => meant(key, ['detection', 'correlation'])).find(m => m !== '') ?? '';
}

function logsourceOf(reader: RuleReader, node: Node, resolve: Resolve): Source {
  const members = reader.members(node);
  const said = (key: string): string | undefined => {
    const value = members.get(key);
    return value && reader.written(value);
  };
  const [product, category, service] = ['product', 'category', 'service'].map(said);
  const asked = {
    ...(product !== undefined && { product }),
    ...(category !== undefined && { category }),
    ...(service !== undefined && { service }),
  };
  const source = resolve(asked);
  if (source) return source;
  const words: readonly (readonly [string, string | undefined, readonly string[]])[] = [
    ['product', product, ['slmaudit']],
    ['category', category, CATEGORIES],
    ['service', service, SERVICES],
  ];
  const [key, value, known] = words.find(([, v, all]) => v !== undefined && !all.includes(v)) ?? [
    'logsource',
    Object.values(asked).join(' '),
    [],
  ];
  return reader.refuse(
    members.get(key) ?? node,
    'LOGSOURCE',
    `there is no ${key} ${value} here${meant(value ?? '', known)}`,
    `product: slmaudit, with a category (${CATEGORIES.join(', ')}) or a service (${SERVICES.join(', ')})`,
  );
}

const FREE_TEXTS = ['description', 'status', 'name'] as const;

function about(reader: RuleReader, members: Members): Omit<Rule, 'options' | 'correlation' | 'measures'> {
  const title = String(reader.scalar(reader.need(members, 'title', reader.contents)));
  const level = members.get('level');
  const [description, status, name] = FREE_TEXTS.map(key => {
    const node = members.get(key);
    return node && reader.written(node);
  });
  if (status !== undefined && !STATUSES.includes(status))
    reader.refuse(
      members.get('status'),
      'VALUE',
      `status is ${STATUSES.join(', ')}, not ${status}${meant(status, STATUSES)}`,
    );
  const id = members.get('id');
  return {
    id: id ? reader.written(id) : (name ?? slug(title)),
    ...(name !== undefined && { name }),
    title,
    level: level ? reader.word(level, 'level', LEVELS) : 'medium',
    ...(status !== undefined && { status }),
    ...(description !== undefined && { description: description.trim() }),
    falsepositives: list(reader, members.get('falsepositives')),
    references: list(reader, members.get('references')),
    tags: list(reader, members.get('tags')),
    file: reader.file,
    line: reader.place(reader.contents).line,
    text: reader.source,
  };
}

const slug = (title: string): string => title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

function list(reader: RuleReader, node: Node | undefined): string[] {
  if (!node) return [];
  const nodes = isSeq(node) ? reader.listed(node) : [node];
  return nodes.map(n => reader.written(n));
}
