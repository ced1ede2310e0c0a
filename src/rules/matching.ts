import { isScalar, type Node } from 'yaml';
import { quote } from '../duck/engine.ts';
import { canonicalAddress, networkKeys } from '../record/address.ts';
import { meant } from '../record/yaml.ts';
import type { Field } from './fields.ts';
import { compareIn, flagsIn, type Modified, TIME_PARTS, variantsOf } from './modifiers.ts';
import { likeSql, literal, patternOf, plainOf } from './pattern.ts';
import type { RuleReader } from './reader.ts';
import { toRe2 } from './regex.ts';
import type { Source } from './sources.ts';

/** As people write it. */
const nameOf = (sql: string): string => sql.replaceAll('"', '');

/** Where a rule's fields are looked up, and its errors go. */
export interface Looking {
  readonly reader: RuleReader;
  readonly source: Source;
  /** For hours and days. */
  readonly zone: string;
}

/** Throws UNKNOWN_FIELD. */
export function fieldIn({ reader, source }: Looking, name: string, node: unknown): Field {
  return (
    source.field(name) ??
    reader.refuse(node, 'UNKNOWN_FIELD', `there is no field ${name}${meant(name, source.names)}`)
  );
}

/** One value of a field as a condition in SQL, which may be NULL where the field is. */
export function matchSql(looking: Looking, field: Field, modified: Modified, node: Node | null): string {
  const { reader } = looking;
  const { modifiers } = modified;
  if (node === null || (isScalar(node) && node.value === null)) {
    if (modifiers.length > 0) reader.refuse(node, 'MODIFIERS', `${modifiers.join('|')} takes no null`);
    return `${field.sql} IS NULL`;
  }
  const compare = compareIn(modifiers);
  const part = TIME_PARTS.find(p => modifiers.includes(p));
  if (part !== undefined) return timePart(looking, field, part, compare ?? '=', node);
  if (compare !== undefined) return compared(looking, field, compare, node);
  if (modifiers.includes('exists')) {
    const value = reader.scalar(node);
    if (typeof value !== 'boolean') reader.refuse(node, 'VALUE', `exists is true or false, not ${value}`);
    return `${field.sql} IS ${value ? 'NOT ' : ''}NULL`;
  }
  if (modifiers.includes('cidr')) return network(reader, field, node);
  if (modifiers.includes('re')) return regex(looking, field, flagsIn(modifiers), node);
  if (modifiers.includes('fieldref')) return reference(looking, field, modified, node);
  return valued(looking, field, modified, node);
}

/** Its text, for what looks at a part of it. */
function textSql({ reader }: Looking, { sql, kind }: Field, node: Node): string {
  if (kind === 'time')
    return reader.refuse(
      node,
      'FIELD_TYPE',
      `${nameOf(sql)} is a time: gt, gte, lt, lte and hour are for it`,
    );
  return kind === 'number' || kind === 'bool' ? `${sql}::VARCHAR` : sql;
}

/** Does the case of letters matter? Not where there are none but small ones. */
const folds = ({ kind }: Field, cased: boolean): boolean => !cased && (kind === 'text' || kind === 'any');

function valued(looking: Looking, field: Field, { modifiers, cased }: Modified, node: Node): string {
  const { reader } = looking;
  const { kind, sql } = field;
  const written = reader.written(node);
  if (written.includes('\0')) reader.refuse(node, 'VALUE', 'no value holds NUL');
  const variants = variantsOf(reader, node, patternOf(written), modifiers);
  const conditions = variants.map(variant => {
    const plain = plainOf(variant);
    if (plain !== undefined && kind === 'number')
      return `${sql} = ${Number.isFinite(Number(plain)) && plain.trim() !== '' ? Number(plain) : reader.refuse(node, 'FIELD_TYPE', `${nameOf(sql)} is a number, not ${plain}`)}`;
    if (plain !== undefined && kind === 'bool')
      return /^(?:true|false)$/i.test(plain)
        ? `${sql} = ${plain.toLowerCase()}`
        : reader.refuse(node, 'FIELD_TYPE', `${nameOf(sql)} is true or false, not ${plain}`);
    if (plain !== undefined && kind === 'time') return `${sql} = ${instant(reader, node, plain)}`;
    if (plain !== undefined && kind === 'word' && !field.oneOf!.includes(plain.toLowerCase()))
      return reader.refuse(
        node,
        'VALUE',
        `${nameOf(sql)} is ${field.oneOf!.join(', ')}, never ${plain}${meant(plain, field.oneOf!)}`,
      );
    const address = kind === 'address' && plain !== undefined ? canonicalAddress(plain) : undefined;
    if (address !== undefined) return `${sql} = ${quote(address)}`;
    const small = kind === 'word' || kind === 'hex' || kind === 'address';
    const pattern =
      small && !cased ? variant.map(p => (typeof p === 'string' ? p.toLowerCase() : p)) : variant;
    return likeSql(textSql(looking, field, node), pattern, folds(field, cased));
  });
  return conditions.length === 1 ? conditions[0]! : `(${conditions.join(' OR ')})`;
}

function instant(reader: RuleReader, node: Node, text: string): string {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/.test(text);
  if (!isTime || Number.isNaN(Date.parse(text)))
    reader.refuse(node, 'VALUE', `a time is written as 2026-05-01T00:00:00Z, not ${text}`);
  return `TIMESTAMPTZ ${quote(text)}`;
}

const SIGNS: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=', '=': '=' };

function compared({ reader }: Looking, { sql, kind }: Field, compare: string, node: Node): string {
  const value = reader.scalar(node);
  if (kind === 'time' && typeof value === 'string')
    return `${sql} ${SIGNS[compare]} ${instant(reader, node, value)}`;
  const number = typeof value === 'number' ? value : Number.NaN;
  if (!Number.isFinite(number)) reader.refuse(node, 'VALUE', `${compare} takes a number, not ${value}`);
  if (kind === 'number') return `${sql} ${SIGNS[compare]} ${number}`;
  if (kind === 'any') return `try_cast(${sql} AS DOUBLE) ${SIGNS[compare]} ${number}`;
  return reader.refuse(node, 'FIELD_TYPE', `${nameOf(sql)} is no number: ${compare} can't be asked of it`);
}

function timePart(
  { reader, zone }: Looking,
  { sql, kind }: Field,
  part: string,
  compare: string,
  node: Node,
): string {
  const value = reader.scalar(node);
  if (!Number.isInteger(value)) reader.refuse(node, 'VALUE', `${part} is a whole number, not ${value}`);
  if (kind !== 'time') reader.refuse(node, 'FIELD_TYPE', `${nameOf(sql)} is no time: it has no ${part}`);
  const local = zone === 'UTC' ? sql : `timezone(${quote(zone)}, ${sql})`;
  return `${part === 'weekday' ? 'isodow' : part}(${local}) ${SIGNS[compare]} ${value}`;
}

function network(reader: RuleReader, { sql, kind }: Field, node: Node): string {
  const cidr = reader.text(node);
  const keys = networkKeys(cidr);
  if (!keys) return reader.refuse(node, 'VALUE', `"${cidr}" is no network: write one such as 192.0.2.0/24`);
  if (kind !== 'address' && kind !== 'any') reader.refuse(node, 'FIELD_TYPE', `${nameOf(sql)} is no address`);
  const range = `ip_key(${sql}) BETWEEN ${quote(keys[0])} AND ${quote(keys[1])}`;
  // Whole bytes of IPv4 are the beginning of its text, which costs a tenth of its key.
  const [address = '', length = ''] = cidr.split('/');
  const bytes = Math.floor(Number(length) / 8);
  if (kind === 'any' || address.includes(':') || bytes === 0) return range;
  if (length === '32') return `${sql} = ${quote(address)}`;
  const start = `starts_with(${sql}, ${quote(`${address.split('.').slice(0, bytes).join('.')}.`)})`;
  // What starts so and is no address is a hashed one.
  return Number(length) % 8 === 0 ? start : `(${start} AND ${range})`;
}

function regex(looking: Looking, field: Field, flags: string, node: Node): string {
  const { reader } = looking;
  const written = reader.written(node);
  const pattern = toRe2(written);
  if ('code' in pattern) return reader.refuse(node, pattern.code, pattern.message);
  if (written.includes('\0')) reader.refuse(node, 'VALUE', 'no value holds NUL');
  const spelled = flags === '' ? pattern.sql : `(?${flags})${pattern.sql}`;
  return `regexp_matches(${textSql(looking, field, node)}, ${quote(spelled)})`;
}

function reference(looking: Looking, field: Field, { modifiers, cased }: Modified, node: Node): string {
  const { reader } = looking;
  const other = fieldIn(looking, reader.text(node), node);
  if (field.kind === other.kind && modifiers.length === 1 && !folds(field, cased))
    return `${field.sql} = ${other.sql}`;
  const [a, b] = [field, other].map(f => {
    const text = textSql(looking, f, node);
    return cased ? text : `lower(${text})`;
  });
  const shape = modifiers.find(m => m !== 'fieldref');
  const call = { contains: 'contains', startswith: 'starts_with', endswith: 'suffix' }[shape ?? ''];
  return call === undefined ? `${a} = ${b}` : `${call}(${a}, ${b})`;
}

/** A text that is looked for in everything. */
export function keywordSql({ reader, source }: Looking, modified: Modified, node: Node): string {
  if (modified.modifiers.some(m => !['contains', 'windash', 'expand'].includes(m)) || modified.neq)
    reader.refuse(node, 'MODIFIERS', `${modified.modifiers.join('|')} needs a field`);
  const written = reader.written(node);
  if (written === '' || written.includes('\0'))
    reader.refuse(node, 'VALUE', 'a keyword has a character at least');
  const shapes = [...modified.modifiers.filter(m => m !== 'contains'), 'contains'];
  const variants = variantsOf(reader, node, patternOf(written), shapes);
  return `(${variants
    .flatMap(variant => {
      const [, text, more] = variant;
      // One look at all columns, where it can't find what begins in one and ends in another.
      if (
        typeof text === 'string' &&
        variant.length === 3 &&
        typeof more === 'object' &&
        !text.includes('\n')
      )
        return [
          `contains(${modified.cased ? joinedTexts(source) : `lower(${joinedTexts(source)})`}, ${literal(text, !modified.cased)})`,
        ];
      return source.texts.map(t => likeSql(t, variant, !modified.cased));
    })
    .join(' OR ')})`;
}

const joinedTexts = ({ texts }: Source): string => `concat_ws(chr(10), ${texts.join(', ')})`;
