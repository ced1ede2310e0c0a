import { meant } from '../record/yaml.ts';
import type { Correlated } from './correlation.ts';
import { allOf, anyOf } from './detection.ts';
import type { Field } from './fields.ts';
import { firstSeenSql } from './first.ts';
import type { Parsed, Plain } from './parse.ts';
import { RuleError } from './reader.ts';
import type { CompiledRule } from './rule.ts';
import { showOf } from './show.ts';
import { recordField } from './fields.ts';
import { windowSql } from './window.ts';

/** Correlations of correlations of ... */
const DEEPEST = 4;
/** The largest of the public corpus takes 503,171. */
const MOST_SQL = 1 << 20;
const ALWAYS = 'ts, epoch_us(ts) AS us, seq, event_id, user_id, client_ip, api_key_id';

/** What rules are called, to those that name them. */
export interface Known {
  /** The rule that a rule of that file means by an id or a name. */
  get(name: string, file: string): Parsed | undefined;
  names(): readonly string[];
}

/** Throws RuleError: UNKNOWN_RULE, CYCLE, TOO_DEEP, UNKNOWN_FIELD, FIELD_TYPE, CHAIN_FIELD. */
export function compileRule(parsed: Parsed, known: Known): CompiledRule {
  const compiler = new Compiler(known);
  const { file, line } = parsed.rule;
  const { entity, hits } = compiler.hits(parsed, []);
  checkTests(parsed.rule, entity);
  if (hits.length > MOST_SQL)
    throw new RuleError({
      file,
      line,
      code: 'TOO_LARGE',
      message: `it has too many values: ${MOST_SQL} characters of SQL are the most`,
    });
  const where = compiler.evidence(
    parsed,
    new Map(entity.map((name, i) => [name, (sql: string) => `coalesce(${sql}::VARCHAR, '') = $e${i + 1}`])),
  );
  return {
    rule: parsed.rule,
    entity,
    hits,
    ...(compiler.canLast && {
      hitsUntil: (until: string) => new Compiler(known, until).hits(parsed, []).hits,
    }),
    evidence: `SELECT seq, event_id, ts FROM records WHERE ts BETWEEN $from::TIMESTAMPTZ AND $to::TIMESTAMPTZ AND (${where})`,
    parts: parsed.is === 'plain' ? [] : parsed.refs.map(({ name }) => known.get(name, file)!.rule.id),
    tables: [...compiler.tables],
    lookback: compiler.lookback(parsed),
    show: showOf(entity, same => compiler.evidence(parsed, same), compiler.isOfEntries),
  };
}

/** What a test expects is named as the rule names it. */
function checkTests({ file, options }: Parsed['rule'], entity: readonly string[]): void {
  for (const { line, entity: expected } of options.tests.flatMap(t => t.hits)) {
    const strange = Object.keys(expected).find(name => !entity.includes(name));
    if (strange !== undefined) {
      const message = `the rule's episodes have no ${strange}; they are about ${entity.join(', ')}${meant(strange, entity)}`;
      throw new RuleError({ file, line, code: 'UNKNOWN_FIELD', message });
    }
  }
}

/** By the name of a part of an entity, what says in SQL that an expression is it. */
export type Same = ReadonlyMap<string, (sql: string) => string>;

/** Part of a correlation's stream: events of rules that are looked at in one go. */
interface Part {
  /** SQL of what stands behind FROM. */
  readonly from: string;
  readonly groups: readonly string[];
  readonly x: string;
  /** By the number of the rule. */
  readonly where: Map<number, string>;
  readonly records: boolean;
  readonly cheap: boolean;
}

class Compiler {
  readonly tables = new Set<string>();
  isOfEntries = false;
  /** Has it what lasts up to when it is asked? */
  canLast = false;
  readonly #known: Known;
  readonly #until: string | undefined;

  constructor(known: Known, until?: string) {
    this.#known = known;
    this.#until = until;
  }

  hits(parsed: Parsed, above: readonly Parsed[]): { entity: readonly string[]; hits: string } {
    if (parsed.is === 'correlation') return this.#correlated(parsed, above);
    const { entity, values } = entityOf(parsed);
    const { from, where } = this.#events(parsed, values);
    const hits = `SELECT ts, ${parsed.source.begins ?? 'ts'} AS from_ts, seq, event_id, NULL::DOUBLE AS value, NULL::DOUBLE AS usual,
      [${values.map(v => `${v}::VARCHAR`).join(', ')}]::VARCHAR[] AS entity, user_id, client_ip, api_key_id
      FROM ${from} WHERE ${where}`;
    return { entity, hits };
  }

  /** Where a rule's events are; `used`: what is asked of them beside what always is. */
  #events({ source, rule, where }: Plain, used: readonly string[]): Pick<Part, 'from'> & { where: string } {
    for (const table of source.tables ?? []) this.tables.add(table);
    this.isOfEntries ||= source.records === 'none';
    this.canLast ||= source.fromUntil !== undefined;
    const told = (this.#until !== undefined && source.fromUntil?.(this.#until)) || source.from;
    const { firstSeen } = rule.options;
    if (!firstSeen) return { from: told, where };
    const from = firstSeenSql({
      ...firstSeen,
      from: told,
      source: source.where ?? 'true',
      where,
      sqlOf: name => source.field(name)!.sql,
      columns: [...new Set(used.flatMap(sql => sql.match(/"[a-z_0-9]+"/g) ?? []))],
    });
    return { from, where: 'true' };
  }

  #correlated(correlated: Correlated, above: readonly Parsed[]): { entity: readonly string[]; hits: string } {
    const { reader, node, type, groupBy, refs, bounds, timespan, rule } = correlated;
    const path = [...above, correlated];
    if (path.length > DEEPEST) reader.refuse(node, 'TOO_DEEP', `correlations stand ${DEEPEST} deep at most`);
    const parts: Part[] = [];
    let positive = true;
    const fine = new Set<number>();
    const late = new Set<string>();
    const counted = !type.startsWith('temporal');
    for (const [i, { name, node: at }] of refs.entries()) {
      const referred = this.#referred(correlated, name, at);
      if (path.includes(referred)) {
        const names = [...path.slice(path.indexOf(referred)), referred].map(p => p.rule.name ?? p.rule.id);
        reader.refuse(at, 'CYCLE', `it is made from itself: ${names.join(' → ')}`);
      }
      if (referred.is === 'plain') {
        const { part, events, field, named, hashes } = this.#plainPart(correlated, name, referred);
        for (const g of hashes) {
          fine.add(g);
          if (counted) late.add(`g${g}`);
        }
        positive &&= field?.positive === true;
        const hashed = counted ? named.filter(f => f.kind === 'hex').map(f => f.sql) : [];
        const needed = field && !isSaid(events, field.sql) && !hashed.includes(field.sql);
        const where = unsaid(needed ? allOf([events, `${field.sql} IS NOT NULL`]) : events, hashed);
        if (field?.kind === 'hex' && counted) late.add('x');
        const same = parts.find(
          p =>
            p.cheap &&
            part.cheap &&
            p.from === part.from &&
            sameTexts(p.groups, part.groups) &&
            p.x === part.x,
        );
        if (same) same.where.set(i + 1, where);
        else parts.push({ ...part, where: new Map([[i + 1, where]]) });
      } else parts.push(this.#chainPart(correlated, name, referred, path, i + 1));
    }
    const steps = type.startsWith('temporal') ? refs.length : 0;
    const groups = Math.max(1, groupBy.length);
    const fired = windowSql({
      type,
      stream: streamSql(parts, steps, late),
      late: [...late],
      cheap: parts.every(p => p.cheap),
      groups,
      coarse: groupBy.map((_, i) => i + 1).filter(g => !fine.has(g)),
      steps,
      timespan,
      bounds,
      positive,
      ...(rule.options.usual && { usual: rule.options.usual }),
    });
    const entity = groupBy.map((_, i) => `g${i + 1}`).join(', ');
    return {
      entity: groupBy,
      hits: `SELECT ts, from_ts, seq, event_id, value, usual, [${entity}]::VARCHAR[] AS entity, user_id, client_ip, api_key_id
      FROM (${fired})`,
    };
  }

  #referred({ reader, rule }: Correlated, name: string, node: unknown): Parsed {
    return (
      this.#known.get(name, rule.file) ??
      reader.refuse(
        node,
        'UNKNOWN_RULE',
        `no rule that can be used has the name or id ${name}${meant(name, this.#known.names())}`,
      )
    );
  }

  #plainPart(
    correlated: Correlated,
    ref: string,
    plain: Plain,
  ): {
    part: Omit<Part, 'where'>;
    events: string;
    field?: Field;
    named: readonly Field[];
    hashes: readonly number[];
  } {
    const { reader, node, groupBy, field: asked, type } = correlated;
    const fieldNamed = (name: string): Field =>
      plain.source.field(name) ??
      reader.refuse(node, 'UNKNOWN_FIELD', `${ref} has no field ${name}${meant(name, plain.source.names)}`);
    const named = groupBy.map(name => fieldNamed(fieldFor(correlated, ref, name)));
    const groups = named.map(({ sql }) => `${sql}::VARCHAR`);
    const hashes = named.flatMap(({ kind }, i) => (kind === 'hex' ? [i + 1] : []));
    const field = asked === undefined ? undefined : fieldNamed(fieldFor(correlated, ref, asked));
    if (field && type !== 'value_count' && field.kind !== 'number')
      reader.refuse(node, 'FIELD_TYPE', `${asked} is no number: ${type} needs one`);
    const { from, where: events } = this.#events(plain, [...groups, ...(field ? [field.sql] : [])]);
    const part = {
      from,
      groups,
      x: field?.sql ?? 'NULL',
      records: plain.source.records === 'rows',
      cheap: plain.rule.options.firstSeen === undefined && plain.source.records === 'rows',
    };
    return { part, events, named: field ? [...named, field] : named, hashes, ...(field && { field }) };
  }

  /** Hits of a correlation as events: each at the time it fired. */
  #chainPart(
    correlated: Correlated,
    ref: string,
    referred: Correlated,
    path: readonly Parsed[],
    i: number,
  ): Part {
    const { reader, node, groupBy, field } = correlated;
    if (field !== undefined)
      reader.refuse(node, 'CHAIN_FIELD', `${ref} is a correlation: its hits have no ${field}`);
    const groups = groupBy.map(name => {
      const own = fieldFor(correlated, ref, name);
      const at = referred.groupBy.indexOf(own);
      return at >= 0
        ? `entity[${at + 1}]`
        : reader.refuse(
            node,
            'CHAIN_FIELD',
            `${ref} is not grouped by ${own}${meant(own, referred.groupBy)}`,
          );
    });
    const { hits } = this.hits(referred, path);
    return {
      from: `(${hits})`,
      groups,
      x: 'NULL',
      where: new Map([[i, 'true']]),
      records: false,
      cheap: false,
    };
  }

  /** Which records can have contributed, of an entity: what its parts are, by their names. */
  evidence(parsed: Parsed, same: Same): string {
    if (parsed.is === 'correlation')
      return anyOf(
        parsed.refs.map(({ name, node }) => {
          const own = [...same].map(([group, is]) => [fieldFor(parsed, name, group), is] as const);
          return this.evidence(this.#referred(parsed, name, node), new Map(own));
        }),
      );
    const { source, where } = parsed;
    if (source.records === 'none') return 'false';
    const { entity, values } = entityOf(parsed);
    const isOwn = entity.length === same.size && entity.every(name => same.has(name));
    const field = source.records === 'rows' ? source.field : recordField;
    const parts = [...same].flatMap(([name, is]) => {
      const sql = isOwn && source.records === 'rows' ? values[entity.indexOf(name)] : field(name)?.sql;
      return sql === undefined ? [] : [is(sql)];
    });
    return allOf([source.records === 'rows' ? where : 'true', ...parts]);
  }

  /** Seconds; see CompiledRule. */
  lookback(parsed: Parsed): number {
    const { firstSeen, usual } = parsed.rule.options;
    if (parsed.is === 'plain')
      return (
        (parsed.source.lookback ?? 0) +
        (firstSeen ? Math.max(firstSeen.over, firstSeen.after) + firstSeen.for : 0)
      );
    const parts = parsed.refs.map(({ name, node }) => this.lookback(this.#referred(parsed, name, node)));
    return parsed.timespan + (usual ? Math.max(usual.over, usual.after) : 0) + Math.max(...parts);
  }
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** What a rule calls what its correlation calls `name`. */
const fieldFor = ({ aliases }: Correlated, ref: string, name: string): string =>
  aliases.get(name)?.get(ref) ?? name;

/** Whom an episode of a plain rule is about. */
function entityOf({ rule, source }: Plain): { entity: readonly string[]; values: readonly string[] } {
  const { entity } = rule.options;
  if (entity) return { entity, values: entity.map(name => source.field(name)!.sql) };
  if (source.records === 'rows' && source.field('user_id') && source.field('client_ip')) {
    const [user, ip] = ['user_id', 'client_ip'].map(name => source.field(name)!.sql);
    return { entity: ['user_id', 'client_ip'], values: [user!, `CASE WHEN ${user} IS NULL THEN ${ip} END`] };
  }
  const told = source.field('source_id');
  return told ? { entity: ['source_id'], values: [told.sql] } : { entity: [], values: [] };
}

/** Is it said already that there is one? Asked twice of a hash, it is spelled twice for every record. */
function isSaid(where: string, group: string): boolean {
  return !/ OR | IS NOT TRUE/.test(where) && where.includes(`${group.replace(/::VARCHAR$/, '')} IS NOT NULL`);
}

/** Without what is asked of these later. */
function unsaid(where: string, columns: readonly string[]): string {
  return columns.reduce((w, c) => (isSaid(w, c) ? w.replaceAll(`${c} IS NOT NULL`, 'true') : w), where);
}

/** The events of all parts, each once; groups that are not known are none. */
function streamSql(parts: readonly Part[], steps: number, late: ReadonlySet<string>): string {
  const selects = parts.map(({ from, groups, x, where, records }) => {
    const columns = [
      ALWAYS,
      ...(groups.length === 0 ? [`'' AS g1`] : groups.map((g, i) => `${g} AS g${i + 1}`)),
      `${x} AS x`,
      ...Array.from({ length: steps }, (_, i) => {
        const condition = where.get(i + 1);
        const is =
          condition === undefined ? 'false' : where.size === 1 ? 'true' : `coalesce(${condition}, false)`;
        return `${is} AS m${i + 1}`;
      }),
    ];
    const said = anyOf([...where.values()]);
    const whole = allOf([
      said,
      ...groups.filter((g, i) => !late.has(`g${i + 1}`) && !isSaid(said, g)).map(g => `${g} IS NOT NULL`),
    ]);
    return { records, sql: `SELECT ${columns.join(', ')} FROM ${from} WHERE ${whole}` };
  });
  const told = selects.filter(s => s.records).map(s => s.sql);
  const others = selects.filter(s => !s.records).map(s => s.sql);
  if (told.length < 2) return [...told, ...others].join(' UNION ALL ');
  const marks = Array.from({ length: steps }, (_, i) => `bool_or(m${i + 1}) AS m${i + 1}`);
  const kept =
    steps === 0
      ? '*'
      : `* EXCLUDE (${Array.from({ length: steps }, (_, i) => `m${i + 1}`).join(', ')}), ${marks.join(', ')}`;
  // An event that several rules match is one event.
  return [`SELECT ${kept} FROM (${told.join(' UNION ALL ')}) GROUP BY ALL`, ...others].join(' UNION ALL ');
}
