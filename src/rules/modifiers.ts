import type { Node } from 'yaml';
import { meant } from '../record/yaml.ts';
import { containing, endingWith, type Part, type Pattern, plainOf, startingWith } from './pattern.ts';
import type { RuleReader } from './reader.ts';

/** What is said behind a field's name, in its order. */
export interface Modified {
  readonly field: string | undefined;
  readonly modifiers: readonly string[];
  readonly all: boolean;
  readonly neq: boolean;
  readonly cased: boolean;
}

const SHAPES = ['contains', 'startswith', 'endswith'];
const ENCODINGS = ['wide', 'utf16le', 'utf16be', 'utf16'];
const BASES = ['base64', 'base64offset'];
const COMPARES = ['gt', 'gte', 'lt', 'lte'];
/** Sigma's, and weekday: 1 is Monday, 7 is Sunday. */
export const TIME_PARTS = ['minute', 'hour', 'day', 'weekday', 'week', 'month', 'year'] as const;
const FLAGS: Readonly<Record<string, string>> = {
  i: 'i', ignorecase: 'i', m: 'm', multiline: 'm', s: 's', dotall: 's',
}; // prettier-ignore
const KNOWN = [
  'all', 'neq', 'cased', 're', 'cidr', 'exists', 'fieldref', 'windash', 'expand',
  ...SHAPES, ...ENCODINGS, ...BASES, ...COMPARES, ...TIME_PARTS, ...Object.keys(FLAGS),
]; // prettier-ignore

/** `field|contains|all`. */
export function modifiedOf(reader: RuleReader, key: string, node: unknown): Modified {
  const [field = '', ...modifiers] = key.split('|');
  for (const modifier of modifiers)
    if (!KNOWN.includes(modifier))
      reader.refuse(
        node,
        'UNSUPPORTED_MODIFIER',
        `there is no modifier ${modifier}${meant(modifier, KNOWN)}`,
      );
  const rest = modifiers.filter(m => !['all', 'neq', 'cased'].includes(m));
  const kinds = [
    ['re', ...Object.keys(FLAGS)],
    ['cidr'],
    ['exists'],
    COMPARES,
    ['fieldref', ...SHAPES],
    [...TIME_PARTS, ...COMPARES],
    ['windash', 'expand', ...ENCODINGS, ...BASES, ...SHAPES],
  ];
  const isRepeated = new Set(rest).size < rest.length;
  const isFlagged = rest.some(m => m in FLAGS) && rest[0] !== 're';
  if (isRepeated || isFlagged || !kinds.some(kind => rest.every(m => kind.includes(m))))
    reader.refuse(node, 'MODIFIERS', `${modifiers.join('|')}: these modifiers make no sense together`);
  return {
    field: field === '' ? undefined : field,
    modifiers: rest,
    all: modifiers.includes('all'),
    neq: modifiers.includes('neq'),
    cased: modifiers.includes('cased'),
  };
}

export const compareIn = (modifiers: readonly string[]): string | undefined =>
  COMPARES.find(c => modifiers.includes(c));

export const flagsIn = (modifiers: readonly string[]): string =>
  [...new Set(modifiers.flatMap(m => FLAGS[m] ?? []))].join('');

/** What any of which must match, once the modifiers have had their way with a value. */
export function variantsOf(
  reader: RuleReader,
  node: Node,
  pattern: Pattern,
  modifiers: readonly string[],
): Pattern[] {
  let variants: readonly Pattern[] = [pattern];
  let encoding: string | undefined;
  for (const modifier of modifiers) {
    if (encoding !== undefined && !BASES.includes(modifier)) break;
    if (ENCODINGS.includes(modifier)) encoding = modifier;
    else if (BASES.includes(modifier)) {
      const way = encoding;
      variants = variants.flatMap(v => {
        const plain = plainOf(v);
        if (plain === undefined || plain === '')
          return reader.refuse(node, 'MODIFIERS', `${modifier} takes a text without * and ?`);
        const bytes = bytesOf(plain, way);
        if (modifier === 'base64') return [[bytes.toString('base64')]];
        // One byte within others leaves nothing that is its own: it would be found everywhere.
        if (bytes.length < 2)
          return reader.refuse(node, 'MODIFIERS', 'base64offset takes two bytes at least');
        return offsets(bytes);
      });
      encoding = undefined;
    } else if (modifier === 'windash') variants = variants.flatMap(v => dashed(reader, node, v));
    else if (modifier === 'expand') unexpanded(reader, node, variants);
    else
      variants = variants.map(
        { contains: containing, startswith: startingWith, endswith: endingWith }[modifier]!,
      );
  }
  if (encoding !== undefined)
    reader.refuse(
      node,
      'MODIFIERS',
      `${encoding} stands before base64 or base64offset: records hold no bytes`,
    );
  return [...variants];
}

function bytesOf(text: string, encoding: string | undefined): Buffer {
  if (encoding === undefined) return Buffer.from(text, 'utf8');
  const little = Buffer.from(text, 'utf16le');
  if (encoding === 'utf16') return Buffer.concat([Buffer.from([0xff, 0xfe]), little]);
  return encoding === 'utf16be' ? little.swap16() : little;
}

/** How bytes look within others that are encoded: one form for each place that they can have in three. */
function offsets(bytes: Buffer): Pattern[] {
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before, ' '), bytes]).toString('base64');
    return [text.slice([0, 2, 3][before], [undefined, -3, -2][(bytes.length + before) % 3])];
  });
}

const DASHES = ['-', '/', '–', '—', '―'];
const MOST_DASHES = 4;
const DASH = /(?<![\p{L}\p{N}_])[-/](?=[\p{L}\p{N}_])/u;

/** Each dash or slash that begins a word may be any dash. */
function dashed(reader: RuleReader, node: Node, pattern: Pattern): Pattern[] {
  const pieces = pattern.map(part => (typeof part === 'string' ? part.split(DASH) : [part]));
  const dashes = pieces.reduce((sum, some) => sum + some.length - 1, 0);
  if (dashes > MOST_DASHES) reader.refuse(node, 'TOO_LARGE', `windash takes ${MOST_DASHES} dashes at most`);
  let variants: Part[][] = [[]];
  for (const [first, ...behind] of pieces) {
    variants = variants.map(v => [...v, first!]);
    for (const piece of behind) variants = variants.flatMap(v => DASHES.map(dash => [...v, dash, piece]));
  }
  return variants.map(joined);
}

/** Texts that stand side by side as one. */
function joined(parts: readonly Part[]): Pattern {
  const found: Part[] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (typeof part === 'string' && typeof last === 'string') found[found.length - 1] = last + part;
    else found.push(part);
  }
  return found;
}

function unexpanded(reader: RuleReader, node: Node, variants: readonly Pattern[]): void {
  for (const part of variants.flat()) {
    const placeholder = typeof part === 'string' ? /%[^%\s]+%/.exec(part)?.[0] : undefined;
    if (placeholder !== undefined)
      reader.refuse(node, 'PLACEHOLDER', `nothing says what ${placeholder} stands for: write the values`);
  }
}
