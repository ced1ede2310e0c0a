import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { quote, withEngine } from '../../src/duck/engine.ts';
import { guard } from '../../src/duck/guard.ts';
import { CREATE_IP_KEY } from '../../src/duck/view.ts';
import { readRules } from '../../src/rules/read.ts';
import type { CompiledRule, RuleProblem } from '../../src/rules/rule.ts';
import type { Source } from '../../src/rules/sources.ts';

/** The public rules, a checkout of SigmaHQ/sigma: SLMAUDIT_SIGMA_CORPUS=folder. */
const corpus = process.env['SLMAUDIT_SIGMA_CORPUS'];
const skip = corpus === undefined && 'SLMAUDIT_SIGMA_CORPUS names no checkout of SigmaHQ/sigma';

/** Any logsource, any field: what is asked is whether the rule says what it means. */
const ANY: Source = {
  from: 'events',
  field: name => ({
    sql: `json_extract_string(event, ${quote(`$."${name.replaceAll('"', '')}"`)})`,
    kind: 'any',
  }),
  names: [],
  texts: ['event'],
  records: 'rows',
};
/** Why a rule may be refused. */
const NAMED = new Set([
  'PLACEHOLDER', 'LOOKAROUND', 'BACKREFERENCE', 'UNSUPPORTED_REGEX', 'OLD_AGGREGATION', 'UNSUPPORTED_MODIFIER', 'UNSUPPORTED_FILTER', 'UNSUPPORTED_ACTION',
  'UNSUPPORTED_CORRELATION', 'UNSUPPORTED_CONDITION', 'MODIFIERS', 'VALUE', 'FIELD_TYPE',
]); // prettier-ignore

const rulesOf = (...folders: string[]): ReturnType<typeof readRules> =>
  readRules(
    folders.map(f => join(corpus!, f)).filter(f => existsSync(f)),
    () => ANY,
  );

function countBy(problems: readonly RuleProblem[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of problems) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

const FOLDERS = [
  'rules',
  'rules-compliance',
  'rules-dfir',
  'rules-emerging-threats',
  'rules-placeholder',
  'rules-threat-hunting',
];

test('every public rule compiles, or is refused with a reason that has a name', { skip }, async t => {
  const { rules, parts, problems } = rulesOf(...FOLDERS);
  const compiled = [...rules, ...parts];
  t.diagnostic(`${compiled.length} rules compile; refused: ${JSON.stringify(countBy(problems))}`);
  for (const p of problems.slice(0, 60))
    t.diagnostic(`${p.code} ${p.file.slice(corpus!.length + 1)}:${p.line}: ${p.message}`);
  assert.ok(compiled.length > 3000);
  assert.deepEqual(
    problems.filter(p => !NAMED.has(p.code)),
    [],
  );
  await withEngine({ threads: 1 }, async db => {
    await db.run(CREATE_IP_KEY);
    await db.run(EVENTS);
    for (const { rule, hits } of compiled) {
      await guard(db, hits, ['events']);
      await assert.doesNotReject(db.run(hits), `${rule.file}: ${hits}`);
    }
  });
});

test('every event of the corpus matches its rule', { skip }, async t => {
  const { rules, parts } = rulesOf(...FOLDERS);
  const byId = new Map([...rules, ...parts].map(r => [r.rule.id, r]));
  const told = eventsOf(join(corpus!, 'regression_data'));
  const missed: string[] = [];
  let [matched, refused, without, asked] = [0, 0, 0, 0];
  await withEngine({ threads: 1 }, async db => {
    await db.run(CREATE_IP_KEY);
    await db.run(EVENTS);
    for (const { rule, folder, events } of told) {
      const values = events.map(e => `('${folder.replaceAll("'", '')}', ${quote(JSON.stringify(e))})`);
      const compiled = byId.get(rule);
      if (!compiled) refused++;
      else if (values.length === 0) without++;
      if (values.length === 0 || !compiled) continue;
      await db.run('DELETE FROM events');
      await db.run(
        `INSERT INTO events SELECT now(), 1, a, a, a, a, b FROM (VALUES ${values.join(', ')}) AS t(a, b)`,
      );
      if (await anyHit(compiled)) matched++;
      else missed.push(`${rule} ${folder}`);
      asked += events.length;
    }
    async function anyHit({ hits }: CompiledRule): Promise<boolean> {
      return (await db.runAndReadAll(hits)).currentRowCount > 0;
    }
  });
  t.diagnostic(
    `${matched} of ${told.length} match, over ${asked} events; of ${refused} the rule is refused, ${without} have no event in JSON`,
  );
  assert.deepEqual(missed, []);
  assert.ok(matched > 150);
});

const EVENTS = `CREATE TABLE events(ts TIMESTAMPTZ, seq BIGINT, event_id VARCHAR, user_id VARCHAR, client_ip VARCHAR, api_key_id VARCHAR, event VARCHAR)`;

interface Regression {
  readonly rule: string;
  readonly folder: string;
  readonly events: readonly Record<string, unknown>[];
}

function eventsOf(root: string): Regression[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('info.yml'))
    .flatMap(name => {
      const folder = dirname(join(root, name));
      const info = readFileSync(join(root, name), 'utf8');
      const events = readdirSync(folder)
        .filter(f => f.endsWith('.json'))
        .flatMap(f => textsOf(readFileSync(join(folder, f), 'utf8')))
        .map(flat);
      const ids = [...info.matchAll(/^\s+- id: (\S+)/gm)].map(m => m[1]!);
      return ids.map(rule => ({ rule, folder: name, events }));
    });
}

/** One event, or one behind the other. */
function textsOf(text: string): unknown[] {
  return text.split(/(?<=^\})\s*(?=^\{)/m).flatMap(one => JSON.parse(one) as unknown);
}

/** Fields of a Windows event as rules call them. */
function flat(event: unknown): Record<string, unknown> {
  const { Event } = event as {
    Event?: { System?: Record<string, unknown>; EventData?: object; UserData?: object };
  };
  if (!Event) return event as Record<string, unknown>;
  const provider = Event.System?.['Provider'] as { '#attributes'?: { Name?: string } } | undefined;
  const found: Record<string, unknown> = { ...Event.System, Provider_Name: provider?.['#attributes']?.Name };
  const take = (value: unknown): void => {
    for (const [name, inner] of Object.entries(value ?? {}))
      if (
        name !== '#attributes' &&
        typeof inner === 'object' &&
        inner !== null &&
        !Array.isArray(inner) &&
        !('#text' in inner)
      )
        take(inner);
      else
        found[name.replaceAll(' ', '')] =
          typeof inner === 'object' && inner !== null && '#text' in inner ? inner['#text'] : inner;
  };
  take(Event.EventData);
  take(Event.UserData);
  return found;
}
