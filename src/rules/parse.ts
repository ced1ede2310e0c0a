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
  const correlation = members.get('correlation');
  const detection = members.get('detection');
  if (!correlation && !detection)
    reader.refuse(
      reader.contents,
      'RULE_INVALID',
      `neither detection nor correlation is there${misspelled(members)}`,
    );
  if (correlation && detection)
    reader.refuse(correlation, 'RULE_INVALID', 'a correlation stands in a document of its own, behind ---');
  const own = members.get('slmaudit');
  const mistakes = new Mistakes();
  const described = mistakes.in(() => about(reader, members));
  if (correlation) {
    const read = mistakes.in(() => correlationOf(reader, correlation));
    const options = read && mistakes.in(() => optionsOf(reader, own, read));
    mistakes.end();
    const what = MEASURES[read!.type]?.(read!.field ?? '');
    const measures = what === undefined ? {} : { measures: { what, within: read!.timespan } };
    return { ...read!, rule: { ...described!, correlation: read!.type, ...measures, options: options! } };
  }
  const logsource = mistakes.in(() =>
    logsourceOf(reader, reader.need(members, 'logsource', reader.contents), resolve),
  );
  const options = logsource && mistakes.in(() => optionsOf(reader, own, { source: logsource }));
  const zone = options?.zone ?? 'UTC';
  const where =
    logsource && mistakes.in(() => detectionSql({ reader, source: logsource, zone }, detection!));
  mistakes.end();
  return plainOf({ ...described!, options: options! }, logsource!, where!);
}

function plainOf(rule: Rule, source: Source, where: string): Plain {
  const whole = source.where === undefined ? where : allOf([source.where, where]);
  return { is: 'plain', rule, source, where: whole };
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
