import { isNode, type Node, type Parsed } from './guard.ts';

/** Rows that are found faster by first noting which they are. */
const FEW_ROWS = 10_000;
/** Columns of a record that are many to read at once. */
const WIDE = 24;

/**
 * Settings for a query that lists records as they come, many or all of them, so that an export takes no more memory than a
 * sum does. With a LIMIT the engine would note which rows those are, read them in any order and sort them whole: a
 * million of 52 columns spill 1.3 GB. And each thread that reads all columns holds 60 to 100 MB of pages that no limit of the
 * engine's counts, while one is faster already than rows are printed.
 */
export function listingSettings({ root }: Parsed): readonly string[] {
  const modifiers = (root['modifiers'] ?? []) as readonly Node[];
  const limit = modifiers.find(m => String(m['type']).startsWith('LIMIT'));
  if (limit && !isMany(limit['limit'])) return [];
  const isOrdered = modifiers.some(m => !String(m['type']).startsWith('LIMIT'));
  return [
    ...(limit ? [`SET disabled_optimizers = 'late_materialization'`] : []),
    ...(isWide(root) && !isOrdered ? ['SET threads = 1'] : []),
  ];
}

/** A number that isn't known before it runs may be any. */
function isMany(limit: unknown): boolean {
  const value = isNode(limit) && isNode(limit['value']) ? limit['value']['value'] : undefined;
  return typeof value !== 'number' || value > FEW_ROWS;
}

/** Straight from a table, a row of it a row. */
function isWide(root: Node): boolean {
  const from = root['from_table'];
  const list = (root['select_list'] ?? []) as readonly Node[];
  const groups = (root['group_expressions'] ?? []) as readonly unknown[];
  const isPlain = isNode(from) && from['type'] === 'BASE_TABLE' && groups.length === 0;
  return isPlain && (list.length >= WIDE || list.some(node => node['class'] === 'STAR'));
}
