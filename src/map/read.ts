import { isMap, type Node } from 'yaml';
import { AuditError } from '../errors.ts';
import type { ColumnRule, MapSpec, Unit } from '../normalize/map.ts';
import { type ColumnName, columnOf } from '../record/schema.ts';
import { type Description, type Scalar, YamlReader } from '../record/yaml.ts';
import { readDescribed } from '../store/described.ts';

const UNITS: readonly string[] = ['s', 'ms', 'us', 'ns'];
const DURATIONS = /_us$/;
const MAP: Description = {
  code: 'MAP',
  what: 'a description of a format',
  hint: '`slmaudit map test --help` shows a map',
};

/** Reads a format that is described in YAML. Throws MAP_UNREADABLE, MAP_INVALID with the line. */
export const readMap = (path: string): MapSpec => parseMap(readDescribed(path, MAP), path);

/** Throws MAP_INVALID. `path` is for messages. */
export function parseMap(text: string, path: string): MapSpec {
  const reading = new Reading(text, path, MAP);
  return reading.spec(reading.contents);
}

class Reading extends YamlReader {
  spec(node: unknown): MapSpec {
    const members = this.members(node, [
      'name', 'pattern', 'match', 'skip', 'time', 'columns', 'prompt', 'completion', 'api_key', 'drop', 'ignore',
    ]); // prettier-ignore
    const name = this.text(this.need(members, 'name', node));
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name))
      this.fail(members.get('name'), 'name has 1 to 40 lower-case letters, digits and hyphens');
    const spec: { -readonly [K in keyof MapSpec]: MapSpec[K] } = {
      name,
      time: this.#time(this.need(members, 'time', node)),
      columns: this.#columns(members.get('columns')),
    };
    const pattern = members.get('pattern');
    if (pattern) spec.pattern = this.#pattern(pattern);
    for (const key of ['match', 'skip'] as const) {
      const value = members.get(key);
      if (value) spec[key] = this.#scalars(value);
    }
    for (const key of ['prompt', 'completion', 'api_key', 'drop', 'ignore'] as const) {
      const value = members.get(key);
      if (value) spec[key] = this.#paths(value);
    }
    return spec;
  }

  #time(node: Node): MapSpec['time'] {
    if (!isMap(node)) return { paths: this.#paths(node) };
    const members = this.members(node, ['path', 'unit', 'end']);
    const unit = members.get('unit');
    const end = members.get('end');
    const isEnd = end && this.scalar(end);
    if (end && typeof isEnd !== 'boolean') this.fail(end, 'end is true or false');
    return {
      paths: this.#paths(this.need(members, 'path', node)),
      ...(unit && { unit: this.#unit(unit) }),
      ...(typeof isEnd === 'boolean' && { end: isEnd }),
    };
  }

  #columns(node: Node | undefined): MapSpec['columns'] {
    const columns: Partial<Record<ColumnName, ColumnRule>> = {};
    for (const [name, value] of node ? this.members(node) : []) {
      const column = columnOf(name);
      if (!column) this.fail(value, `no column is called ${name}`);
      if (column.own === true || name === 'ts' || name === 'extra')
        this.fail(value, `${name} is never taken from input${name === 'ts' ? '; use time' : ''}`);
      columns[column.name] = this.#rule(value, name);
    }
    return columns;
  }

  #rule(node: Node, name: string): ColumnRule {
    const rule: ColumnRule = isMap(node) ? this.#longRule(node) : { paths: this.#paths(node) };
    if (rule.paths === undefined && rule.value === undefined)
      this.fail(node, `${name} needs a path, or a value`);
    if (rule.unit !== undefined && !DURATIONS.test(name))
      this.fail(node, `${name} is no duration and has no unit`);
    if (rule.unit === undefined && rule.paths && DURATIONS.test(name))
      this.fail(node, `${name} needs a unit: { path: ${rule.paths[0] ?? ''}, unit: ms }`);
    if (rule.else !== undefined && !rule.values) this.fail(node, 'else needs values');
    return rule;
  }

  #longRule(node: Node): ColumnRule {
    const members = this.members(node, ['path', 'value', 'unit', 'values', 'else']);
    const [path, value, unit, values, other] = ['path', 'value', 'unit', 'values', 'else'].map(k =>
      members.get(k),
    );
    return {
      ...(path && { paths: this.#paths(path) }),
      ...(value && { value: this.scalar(value) }),
      ...(unit && { unit: this.#unit(unit) }),
      ...(values && { values: this.#scalars(values) }),
      ...(other && { else: this.scalar(other) }),
    };
  }

  #pattern(node: Node): string {
    const pattern = this.text(node);
    try {
      if (!/\(\?<[^=!]/.test(pattern)) this.fail(node, 'pattern needs named groups, such as (?<ip>\\S+)');
      return new RegExp(pattern, 'su').source;
    } catch (cause) {
      if (cause instanceof AuditError) throw cause;
      return this.fail(
        node,
        `pattern is no regular expression: ${cause instanceof Error ? cause.message : ''}`,
      );
    }
  }

  #unit(node: Node): Unit {
    const unit = this.text(node);
    return UNITS.includes(unit) ? (unit as Unit) : this.fail(node, `unit is one of ${UNITS.join(', ')}`);
  }

  #paths(node: Node): string[] {
    const paths = this.texts(node);
    if (paths.length === 0) this.fail(node, 'a path is missing');
    return paths;
  }

  #scalars(node: Node): Record<string, Scalar> {
    return Object.fromEntries([...this.members(node)].map(([key, value]) => [key, this.scalar(value)]));
  }
}
