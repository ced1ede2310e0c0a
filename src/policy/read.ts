import type { Node } from 'yaml';
import { AuditError } from '../errors.ts';
import {
  BASIS,
  CLASS_NAME,
  DEFAULT_CLASS,
  LEAST_GRACE,
  MOST_DAYS,
  RULED,
  type RuledColumn,
} from '../log/policy.ts';
import { COLUMNS, EVENT_TYPES } from '../record/schema.ts';
import { type Description, meant, YamlReader } from '../record/yaml.ts';
import { readDescribed } from '../store/described.ts';
import { type ClassWish, combine, type Combined, type Wish } from './combine.ts';
import { readPeriod } from './period.ts';
import { type Preset, PRESET_NAMES, presetOf } from './presets.ts';

const MOST_VALUE_BYTES = 2000;
const POLICY: Description = {
  code: 'POLICY',
  what: 'a retention policy',
  hint: '`slmaudit policy set --help` shows a policy',
};

/** Options that stand above what a file says. */
export interface Above {
  readonly retroactive?: boolean;
  /** As written: `30d`. */
  readonly grace?: string;
}

/**
 * A policy from a YAML file, or from the names of presets with commas; presets come first, and `./default` is a file.
 * Throws POLICY_UNREADABLE, POLICY_INVALID with the line, NO_SUCH_PRESET, USAGE.
 */
export function readPolicy(fileOrPresets: string, above: Above = {}): Combined {
  const names = fileOrPresets.split(',').map(n => n.trim());
  const known = names.some(n => presetOf(n));
  if (!known && /[./\\]/.test(fileOrPresets))
    return parsePolicyFile(readDescribed(fileOrPresets, POLICY), fileOrPresets, above);
  const wish = {
    presets: names.map(name => presetOf(name) ?? noSuchPreset(name)),
    classes: [],
    rules: [],
    redactAny: false,
    ...aboveOf(above),
  };
  return combine({ retroactive: false, ...wish }, what => {
    throw new AuditError('POLICY_CONFLICT', what, {
      hint: 'write a file that states what counts: `slmaudit policy set --help` shows one',
    });
  });
}

/** `path` is for messages. Throws POLICY_INVALID. */
export function parsePolicyFile(text: string, path: string, above: Above = {}): Combined {
  const reading = new Reading(text, path, POLICY);
  const wish = reading.wish(reading.contents);
  return combine({ ...wish, ...aboveOf(above) }, (what, name) => reading.failClass(what, name));
}

function aboveOf({ retroactive, grace }: Above): Partial<Pick<Wish, 'retroactive' | 'grace'>> {
  const days = grace === undefined ? undefined : readPeriod(grace, 'longest');
  if (grace !== undefined && (days === undefined || days < LEAST_GRACE || days > MOST_DAYS))
    throw new AuditError('USAGE', `--grace takes a period from ${LEAST_GRACE}d on, not "${grace}"`, {
      hint: 'such as 7d, 4w or 1mo',
    });
  return { ...(retroactive && { retroactive }), ...(days !== undefined && { grace: days }) };
}

function noSuchPreset(name: string): never {
  throw new AuditError('NO_SUCH_PRESET', `there is no preset "${name}"${meant(name, PRESET_NAMES)}`, {
    hint: `there are ${PRESET_NAMES.join(', ')}; a file is named with its folder or extension, such as ./${name === '' ? 'policy.yaml' : name}`,
  });
}

class Reading extends YamlReader {
  readonly #classes = new Map<string, Node>();
  #presets: unknown;

  /** At the class, or where what it is made from was named. */
  failClass(what: string, name: string): never {
    return this.fail(this.#classes.get(name) ?? this.#presets ?? this.contents, what);
  }

  wish(node: unknown): Wish {
    const members = this.members(node, ['presets', 'grace', 'retroactive', 'redact', 'classes', 'rules']);
    const [presets, grace, retroactive, redact, classes, rules] = [
      'presets',
      'grace',
      'retroactive',
      'redact',
      'classes',
      'rules',
    ].map(name => members.get(name));
    this.#presets = presets;
    if (!presets && !classes) this.fail(node, 'presets or classes are missing: nothing says how long');
    const named = [...(classes ? this.members(classes) : [])];
    for (const [name, value] of named) {
      if (!CLASS_NAME.test(name))
        this.fail(value, `a class has 1 to 32 lower-case letters, digits, - and _: not "${name}"`);
      this.#classes.set(name, value);
    }
    const names = [...new Set([DEFAULT_CLASS, ...named.map(([name]) => name)])];
    return {
      presets: presets ? this.#presetList(presets) : [],
      classes: named.map(([name, value]) => this.#class(name, value)),
      rules: rules ? this.listed(rules).map(rule => this.#rule(rule, names)) : [],
      ...(grace && { grace: this.#grace(grace) }),
      retroactive: retroactive ? this.#yes(retroactive, 'retroactive') : false,
      redactAny: redact ? this.#word(redact, 'redact', ['any', 'none']) === 'any' : false,
    };
  }

  #presetList(node: Node): Preset[] {
    return this.listed(node).map(n => {
      const name = this.text(n);
      return (
        presetOf(name) ??
        this.fail(
          n,
          `there is no preset "${name}"; there are ${PRESET_NAMES.join(', ')}${meant(name, PRESET_NAMES)}`,
        )
      );
    });
  }

  #class(name: string, node: Node): ClassWish {
    const members = this.members(node, ['min', 'max', 'age', 'basis', 'review']);
    const [min, max, age, basis, review] = ['min', 'max', 'age', 'basis', 'review'].map(k => members.get(k));
    return {
      name,
      ...(min && { min: this.#period(min, 'min', 'longest') }),
      ...(max && {
        max: this.scalar(max) === 'none' ? ('none' as const) : this.#period(max, 'max', 'shortest'),
      }),
      ...(age && { age: this.#word(age, 'age', ['sealed', 'record']) }),
      ...(basis && { basis: this.#bases(basis) }),
      ...(review && { review: this.#day(review) }),
    };
  }

  #rule(node: Node, classes: readonly string[]): Wish['rules'][number] {
    const members = this.members(node);
    const name = this.text(this.need(members, 'class', node));
    if (!classes.includes(name))
      this.fail(
        members.get('class'),
        `a rule names the class ${name}, which is not there; there are ${classes.join(', ')}${meant(name, classes)}`,
      );
    const where = [...members]
      .filter(([key]) => key !== 'class')
      .map(([key, value]) => {
        const column = this.#column(key, value);
        return { column, values: this.#values(column, value) };
      });
    if (where.length === 0) this.fail(node, `a rule for ${name} needs a condition: ${RULED.join(', ')}`);
    return { class: name, where };
  }

  #column(name: string, node: Node): RuledColumn {
    const column = RULED.find(c => c === name);
    if (column) return column;
    const why = COLUMNS.some(c => c.name === name)
      ? `records can't be ruled by ${name}: entries are never deleted, and name no person and no content`
      : `${name} is no column`;
    return this.fail(node, `${why}; there are ${RULED.join(', ')}${meant(name, ['class', ...RULED])}`);
  }

  #values(column: RuledColumn, node: Node): string[] {
    const nodes = this.listed(node);
    if (nodes.length === 0) this.fail(node, `${column} needs a value`);
    const values = nodes.map(n => {
      const value = this.text(n);
      if (
        column === 'event_type' &&
        !value.includes('*') &&
        !(EVENT_TYPES as readonly string[]).includes(value)
      )
        this.fail(
          n,
          `there is no event_type ${value}; there are ${EVENT_TYPES.join(', ')}${meant(value, EVENT_TYPES)}`,
        );
      return value;
    });
    // A line of an entry has 8,192 bytes, and escapes take three each.
    if (Buffer.byteLength(values.join(' ')) > MOST_VALUE_BYTES)
      this.fail(node, `the values of ${column} have over ${MOST_VALUE_BYTES} bytes: use *, or several rules`);
    return values;
  }

  #grace(node: Node): number {
    const days = this.#period(node, 'grace', 'longest');
    return days >= LEAST_GRACE ? days : this.fail(node, `grace is ${LEAST_GRACE} days at least, not ${days}`);
  }

  #period(node: Node, name: string, reading: 'longest' | 'shortest'): number {
    const value = this.scalar(node);
    const days = typeof value === 'string' ? readPeriod(value, reading) : undefined;
    if (days === undefined)
      return this.fail(node, `${name} is a period such as 184d, 26w, 6mo or 2y, not ${value}`);
    return days <= MOST_DAYS
      ? days
      : this.fail(node, `${name} is ${MOST_DAYS} days at most, a hundred years`);
  }

  #bases(node: Node): string[] {
    return this.listed(node).map(n => {
      const basis = this.text(n);
      return BASIS.test(basis)
        ? basis
        : this.fail(n, `basis is a code such as eu-ai-act:19(1), without spaces, not "${basis}"`);
    });
  }

  #day(node: Node): string {
    const day = String(this.scalar(node));
    const at = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
    if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== day)
      this.fail(node, `review is a day such as 2027-06-01, not ${day}`);
    return day;
  }

  #yes(node: Node, name: string): boolean {
    const value = this.scalar(node);
    const said = value === true ? 'yes' : value === false ? 'no' : value;
    return said === 'yes' || (said === 'no' ? false : this.fail(node, `${name} is yes or no, not ${said}`));
  }

  #word<W extends string>(node: Node, name: string, words: readonly W[]): W {
    const value = this.scalar(node);
    const word = words.find(w => w === value);
    return (
      word ?? this.fail(node, `${name} is ${words.join(' or ')}, not ${value}${meant(String(value), words)}`)
    );
  }
}
