import { isMap, type Node } from 'yaml';
import { meant } from '../record/yaml.ts';
import type { RuleReader } from './reader.ts';
import { type CorrelationType, CORRELATIONS, type Rule } from './rule.ts';

/** A correlation as it is written. */
export interface Correlation {
  readonly is: 'correlation';
  readonly type: CorrelationType;
  /** Ids or names, in their order. */
  readonly refs: readonly Reference[];
  readonly groupBy: readonly string[];
  /** By the alias, by the rule: its field. */
  readonly aliases: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Seconds. */
  readonly timespan: number;
  /** What the number must be; none for temporal. */
  readonly bounds: Bounds;
  readonly field?: string;
  /** Do the rules that it is made from alert by themselves too? */
  readonly generate: boolean;
  readonly reader: RuleReader;
  readonly node: Node;
}

export interface Correlated extends Correlation {
  readonly rule: Rule;
}

export interface Reference {
  readonly name: string;
  readonly node: Node;
}

export type Bounds = Readonly<Partial<Record<'gt' | 'gte' | 'lt' | 'lte' | 'eq' | 'neq', number>>>;

const BOUNDS = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const;
const KEYS = ['type', 'rules', 'group-by', 'timespan', 'condition', 'aliases', 'generate'];
/** Types of Sigma that are known here, and why they are not answered. */
const REFUSED: Readonly<Record<string, string>> = {
  value_percentile: 'Sigma does not say what it is',
  value_median: 'it is no number that a sliding window keeps',
  temporal_extended: 'conditions over rules are not supported',
  temporal_ordered_extended: 'conditions over rules are not supported',
};
const LONGEST = 31 * 86_400;
const MOST_RULES = 20;

/** Throws RuleError. */
export function correlationOf(reader: RuleReader, node: Node): Correlation {
  const members = reader.members(node, KEYS);
  const typeNode = reader.need(members, 'type', node);
  const said = reader.text(typeNode);
  if (Object.hasOwn(REFUSED, said))
    reader.refuse(typeNode, 'UNSUPPORTED_CORRELATION', `${said} is not supported: ${REFUSED[said]}`);
  const type = reader.word(typeNode, 'type', CORRELATIONS, 'UNSUPPORTED_CORRELATION');
  const rules = reader.need(members, 'rules', node);
  const refs = reader.listed(rules).map(n => ({ name: reader.written(n), node: n }));
  if (refs.length === 0 || refs.length > MOST_RULES)
    reader.refuse(rules, 'RULE_INVALID', `one to ${MOST_RULES} rules belong here`);
  const groupBy = members.get('group-by');
  const generate = members.get('generate');
  const base = {
    is: 'correlation',
    type,
    refs,
    groupBy: groupBy ? reader.texts(groupBy) : [],
    aliases: aliasesOf(reader, members.get('aliases'), refs),
    timespan: reader.seconds(reader.need(members, 'timespan', node), 'timespan', LONGEST),
    generate: generate ? reader.scalar(generate) === true : false,
    reader,
    node,
  } as const;
  const condition = members.get('condition');
  if (!type.startsWith('temporal'))
    return { ...base, ...conditionOf(reader, reader.need(members, 'condition', node), type) };
  if (new Set(refs.map(r => r.name)).size < 2 && type === 'temporal')
    reader.refuse(rules, 'RULE_INVALID', 'temporal needs two rules at least');
  if (refs.length < 2) reader.refuse(rules, 'RULE_INVALID', `${type} needs two rules at least`);
  if (condition) temporalCondition(reader, condition, refs.length);
  return { ...base, bounds: {} };
}

/** All rules must match: that may be said, and nothing else. */
function temporalCondition(reader: RuleReader, node: Node, rules: number): void {
  const members = isMap(node) ? reader.members(node, ['field', ...BOUNDS]) : new Map<string, Node>();
  const least = members.get('gte') ?? members.get('eq');
  if (members.size === 1 && least && reader.scalar(least) === rules) return;
  reader.refuse(
    node,
    'UNSUPPORTED_CONDITION',
    `a temporal correlation is met by all of its rules: another condition than gte: ${rules} is not supported`,
  );
}

function conditionOf(
  reader: RuleReader,
  node: Node,
  type: CorrelationType,
): Pick<Correlation, 'bounds'> & { readonly field?: string } {
  const members = reader.members(node, ['field', ...BOUNDS]);
  const field = members.get('field');
  if (type === 'event_count' && field)
    reader.refuse(
      field,
      'RULE_INVALID',
      'event_count counts events; value_count counts the values of a field',
    );
  if (type !== 'event_count' && !field) reader.refuse(node, 'RULE_INVALID', `${type} needs a field`);
  const bounds: { -readonly [K in keyof Bounds]: number } = {};
  for (const bound of BOUNDS) {
    const value = members.get(bound);
    if (!value) continue;
    const number = reader.scalar(value);
    bounds[bound] =
      typeof number === 'number' && Number.isFinite(number)
        ? number
        : reader.refuse(value, 'VALUE', `${bound} is a number, not ${number}`);
  }
  if (Object.keys(bounds).length === 0)
    reader.refuse(
      node,
      'RULE_INVALID',
      `a bound is missing: ${BOUNDS.join(', ')}${meant([...members.keys()].join(), BOUNDS)}`,
    );
  const isBelow = bounds.gt === undefined && bounds.gte === undefined && bounds.eq === undefined;
  if (isBelow && type.endsWith('count'))
    reader.refuse(
      node,
      'UNSUPPORTED_CONDITION',
      `${type} needs gt, gte or eq: how little there was is seen only when something comes; service silences tells of pauses`,
    );
  return { bounds, ...(field && { field: reader.text(field) }) };
}

function aliasesOf(
  reader: RuleReader,
  node: Node | undefined,
  refs: readonly Reference[],
): Correlation['aliases'] {
  const names = refs.map(r => r.name);
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const [alias, value] of node ? reader.members(node) : []) {
    const fields = [...reader.members(value)].map(([rule, field]) => {
      if (!names.includes(rule))
        reader.refuse(
          field,
          'UNKNOWN_RULE',
          `${rule} is none of the correlation's rules${meant(rule, names)}`,
        );
      return [rule, reader.text(field)] as const;
    });
    found.set(alias, new Map(fields));
  }
  return found;
}
