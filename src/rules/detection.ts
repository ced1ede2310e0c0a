import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { meant } from '../record/yaml.ts';
import { type Condition, parseCondition } from './condition.ts';
import { fieldIn, keywordSql, type Looking, matchSql } from './matching.ts';
import { modifiedOf } from './modifiers.ts';
import { Mistakes } from './reader.ts';

/**
 * What `detection:` says as a condition in SQL. A NULL stands for false in it; behind `not` it is made so, or a record that
 * lacks a field would be neither.
 */
export function detectionSql(looking: Looking, node: Node): string {
  const { reader } = looking;
  const members = reader.members(node);
  const condition = reader.need(members, 'condition', node);
  const searches = new Map([...members].filter(([name]) => name !== 'condition' && name !== 'timeframe'));
  if (searches.size === 0) reader.refuse(node, 'RULE_INVALID', 'detection has no search');
  if (members.has('timeframe'))
    reader.refuse(
      members.get('timeframe'),
      'OLD_AGGREGATION',
      'timeframe is no part of Sigma any more: write a correlation with a timespan',
    );
  const made = new Map<string, string>();
  const search = (name: string): string => {
    const sql = made.get(name) ?? searchSql(looking, searches.get(name)!);
    made.set(name, sql);
    return sql;
  };
  // What no condition uses must be right too: it is a typing error, or will be used.
  const mistakes = new Mistakes();
  for (const name of searches.keys()) mistakes.in(() => search(name));
  mistakes.end();
  return anyOf(
    reader.listed(condition).map(one => {
      const tree = parseCondition(reader.text(one), [...searches.keys()]);
      if ('code' in tree)
        return reader.refuse(
          one,
          tree.code,
          tree.message + (tree.unknown === undefined ? '' : meant(tree.unknown, [...searches.keys()])),
        );
      return conditionSql(tree, search);
    }),
  );
}

function conditionSql(condition: Condition, search: (name: string) => string): string {
  switch (condition.is) {
    case 'search':
      return search(condition.name);
    case 'of':
      return (condition.all ? allOf : anyOf)(condition.names.map(search));
    case 'not':
      return `(${conditionSql(condition.inner, search)}) IS NOT TRUE`;
    case 'and':
    case 'or':
      return (condition.is === 'and' ? allOf : anyOf)(
        condition.parts.map(part => conditionSql(part, search)),
      );
  }
}

const within = (parts: readonly string[], word: string): string =>
  parts.length === 1 ? parts[0]! : `(${parts.join(` ${word} `)})`;
export const allOf = (parts: readonly string[]): string => within(parts, 'AND');
export const anyOf = (parts: readonly string[]): string => within(parts, 'OR');

function searchSql(looking: Looking, node: Node): string {
  const { reader } = looking;
  if (isMap(node)) return mapSql(looking, node);
  if (isSeq(node)) {
    const items = reader.listed(node);
    if (items.length === 0) reader.refuse(node, 'RULE_INVALID', 'a search has an empty list');
    return anyOf(items.map(item => searchSql(looking, item)));
  }
  if (isScalar(node)) return keywordSql(looking, modifiedOf(reader, '', node), node);
  return reader.refuse(node, 'RULE_INVALID', 'a search has fields, or keywords');
}

function mapSql(looking: Looking, node: Node): string {
  const { reader } = looking;
  const pairs = isMap(node) ? (node.items as Pair<Node, Node | null>[]) : [];
  if (pairs.length === 0) reader.refuse(node, 'RULE_INVALID', 'a search has no field');
  return allOf(
    pairs.map(({ key, value }) => {
      const modified = modifiedOf(reader, isScalar(key) ? String(key.value) : '', key);
      const values = isSeq(value) ? (value.items as (Node | null)[]) : [value];
      if (values.length === 0) reader.refuse(key, 'RULE_INVALID', 'a field has an empty list');
      const join = modified.all ? allOf : anyOf;
      if (modified.field === undefined)
        return join(
          values.map(v =>
            keywordSql(looking, modified, v ?? reader.refuse(key, 'VALUE', 'a keyword is a text')),
          ),
        );
      const field = fieldIn(looking, modified.field, key);
      const sql = join(values.map(v => matchSql(looking, field, modified, v)));
      if (modified.neq) return `(${sql}) IS NOT TRUE`;
      // So it is asked where the column is read, and the other columns only of what meets it: an OR is not.
      return values.length > 1 && !modified.all ? `coalesce(${sql}, false)` : sql;
    }),
  );
}
