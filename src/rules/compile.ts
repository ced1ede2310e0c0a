import { meant } from '../record/yaml.ts';
import type { Correlated, Reference } from './correlation.ts';
import { allOf, anyOf } from './detection.ts';
import { type Field, recordField } from './fields.ts';
import { firstSeenSql } from './first.ts';
import type { Parsed, Plain } from './parse.ts';
import { RuleError } from './reader.ts';
import type { CompiledRule } from './rule.ts';
import { showOf } from './show.ts';
import { isSaid, type Part, streamSql, together, unsaid } from './stream.ts';
import { windowSql } from './window.ts';

/** Correlations of correlations of ... */
const DEEPEST = 4;
/** The largest of the public corpus takes 503,171. */
const MOST_SQL = 1 << 20;

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
    const parts = refs.map((ref, i) => this.#part(correlated, ref, i + 1, path));
    const fine = new Set(parts.flatMap(p => p.fine));
    const late = [...new Set(parts.flatMap(p => p.late))];
    const steps = type.startsWith('temporal') ? refs.length : 0;
    const joined = together(parts);
    const fired = windowSql({
      type,
      stream: streamSql(joined, steps, late),
      late,
      cheap: joined.every(p => p.cheap),
      groups: Math.max(1, groupBy.length),
      coarse: groupBy.map((_, i) => i + 1).filter(g => !fine.has(g)),
      steps,
      timespan,
      bounds,
      positive: parts.every(p => p.positive),
      ...(rule.options.usual && { usual: rule.options.usual }),
    });
    const entity = groupBy.map((_, i) => `g${i + 1}`).join(', ');
    return {
      entity: groupBy,
      hits: `SELECT ts, from_ts, seq, event_id, value, usual, [${entity}]::VARCHAR[] AS entity, user_id, client_ip, api_key_id
      FROM (${fired})`,
    };
  }

  /** What one of a correlation's rules gives to its stream. `i`: its number, from 1; `path`: the correlations that are made from it. */
  #part(correlated: Correlated, { name, node }: Reference, i: number, path: readonly Parsed[]): Part {
    const referred = this.#referred(correlated, name, node);
    if (path.includes(referred)) {
      const names = [...path.slice(path.indexOf(referred)), referred].map(p => p.rule.name ?? p.rule.id);
      correlated.reader.refuse(node, 'CYCLE', `it is made from itself: ${names.join(' → ')}`);
    }
    return referred.is === 'plain'
      ? this.#plainPart(correlated, name, referred, i)
      : this.#chainPart(correlated, name, referred, i, path);
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

  #plainPart(correlated: Correlated, ref: string, plain: Plain, i: number): Part {
    const { reader, node, groupBy, field: asked, type } = correlated;
    const fieldNamed = (name: string): Field =>
      plain.source.field(name) ??
      reader.refuse(node, 'UNKNOWN_FIELD', `${ref} has no field ${name}${meant(name, plain.source.names)}`);
    const named = groupBy.map(name => fieldNamed(fieldFor(correlated, ref, name)));
    const groups = named.map(({ sql }) => `${sql}::VARCHAR`);
    const field = asked === undefined ? undefined : fieldNamed(fieldFor(correlated, ref, asked));
    if (field && type !== 'value_count' && field.kind !== 'number')
      reader.refuse(node, 'FIELD_TYPE', `${asked} is no number: ${type} needs one`);
    const { from, where: events } = this.#events(plain, [...groups, ...(field ? [field.sql] : [])]);
    const isRows = plain.source.records === 'rows';
    const fine = named.flatMap(({ kind }, g) => (kind === 'hex' ? [g + 1] : []));
    // Whether there is a hash is asked behind the windows where they count: asked here, it is spelled twice for every record.
    const isCounted = !type.startsWith('temporal');
    const hashes = isCounted ? [...named, ...(field ? [field] : [])].filter(f => f.kind === 'hex') : [];
    const hashed = hashes.map(f => f.sql);
    const isAsked = field && !isSaid(events, field.sql) && !hashed.includes(field.sql);
    const where = unsaid(isAsked ? allOf([events, `${field.sql} IS NOT NULL`]) : events, hashed);
    return {
      from,
      groups,
      x: field?.sql ?? 'NULL',
      where: new Map([[i, where]]),
      records: isRows,
      cheap: isRows && plain.rule.options.firstSeen === undefined,
      fine,
      late: isCounted ? [...fine.map(g => `g${g}`), ...(field?.kind === 'hex' ? ['x'] : [])] : [],
      positive: field?.positive === true,
    };
  }

  /** Hits of a correlation as events: each at the time it fired. */
  #chainPart(
    correlated: Correlated,
    ref: string,
    referred: Correlated,
    i: number,
    path: readonly Parsed[],
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
      fine: [],
      late: [],
      positive: true,
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
