import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRules, rulesIn } from '../../src/rules/read.ts';
import { checkRules } from '../../src/rules/try.ts';

const rule = (detection: string, more = ''): string =>
  `title: it\nlogsource: { product: slmaudit }\ndetection:\n  ${detection}\n${more}`;
const item = (of: string): string => rule(`s: { ${of} }\n  condition: s`);
const correlation = (text: string): string =>
  `title: base\nname: base\nlogsource: { product: slmaudit }\ndetection: { s: { status: error }, condition: s }\n---\ntitle: it\nname: it\ncorrelation: { ${text} }`;
const GOOD =
  'title: good\nid: good\nlogsource: { product: slmaudit }\ndetection: { s: { status: error }, condition: s }';

/** A document, and what is said of it. */
const WRONG: readonly (readonly [yaml: string, code: string, line: number, says: RegExp])[] = [
  [item('usr_id: x'), 'UNKNOWN_FIELD', 4, /no field usr_id; did you mean user_id\?/],
  [item('cs-method: GET'), 'UNKNOWN_FIELD', 4, /cs-method/],
  [item('user_id|contain: x'), 'UNSUPPORTED_MODIFIER', 4, /did you mean contains/],
  [item('user_id|re|contains: x'), 'MODIFIERS', 4, /no sense together/],
  [item("user_id|re: 'a(?=b)'"), 'LOOKAROUND', 4, /looks ahead/],
  [item("user_id|re: '(?<!a)b'"), 'LOOKAROUND', 4, /looks behind/],
  [item("user_id|re: '(a)\\1'"), 'BACKREFERENCE', 4, /\\1/],
  [item("user_id|re: 'a++'"), 'UNSUPPORTED_REGEX', 4, /never goes back/],
  [item("user_id|re: 'a{1,1001}'"), 'UNSUPPORTED_REGEX', 4, /1000/],
  [item("user_id|re: '(a'"), 'UNSUPPORTED_REGEX', 4, /not closed/],
  [item("user_id|re: '[a'"), 'UNSUPPORTED_REGEX', 4, /not closed/],
  [item("user_id|expand: '%admins%'"), 'PLACEHOLDER', 4, /%admins%/],
  [item('user_id|wide: x'), 'MODIFIERS', 4, /before base64/],
  [item('user_id|base64offset|contains: x'), 'MODIFIERS', 4, /two bytes/],
  [item('user_id|cidr: 10.0.0.0/8'), 'FIELD_TYPE', 4, /no address/],
  [item('client_ip|cidr: 10.0.0/8'), 'VALUE', 4, /no network/],
  [item('user_id|gte: 5'), 'FIELD_TYPE', 4, /no number/],
  [item('http_status: abc'), 'FIELD_TYPE', 4, /number, not abc/],
  [item('status: eror'), 'VALUE', 4, /did you mean error/],
  [rule('s: { status: error }\n  condition: t'), 'UNKNOWN_SEARCH', 5, /no search is called t/],
  [rule('s: { status: error }\n  condition: s | count() > 5'), 'OLD_AGGREGATION', 5, /correlation/],
  [rule('s: { status: error }\n  condition: 2 of s*'), 'UNSUPPORTED_CONDITION', 5, /2 of/],
  [rule('s: { status: error }\n  condition: s and (s'), 'CONDITION', 5, /not closed/],
  [rule('s: { status: error }\n  condition: s s'), 'CONDITION', 5, /not expected/],
  [`${rule('s: { status: error }\n  condition: s')}slmaudit: { entiti: [user_id] }`, 'RULE_INVALID', 6, /did you mean entity/],
  [`${rule('s: { status: error }\n  condition: s')}slmaudit: { first_seen: { fields: [user_id], over: 3y } }`, 'SPAN', 6, /no fixed length/],
  [`${rule('s: { status: error }\n  condition: s')}slmaudit: { zone: Mars/Base }`, 'VALUE', 6, /no zone/],
  [GOOD.replace('slmaudit', 'windows'), 'LOGSOURCE', 3, /no product windows/],
  [GOOD.replace('product: slmaudit', 'product: slmaudit, category: inferense'), 'LOGSOURCE', 3, /did you mean inference/],
  [GOOD.replace('detection', 'detecton'), 'RULE_INVALID', 1, /did you mean detection/],
  [GOOD.replace('title: good\n', ''), 'RULE_INVALID', 1, /title is missing/],
  [`${GOOD}\nlevel: hgh`, 'RULE_INVALID', 5, /did you mean high/],
  ['title: [', 'YAML', 1, /./],
  ['title: it\ntitle: it', 'YAML', 2, /unique/],
  ['a: &a [x]\nb: [*a, *a, *a]', 'YAML_ALIAS', 1, /write it out/],
  [correlation('type: event_count, rules: [nobody], timespan: 1m, condition: { gte: 2 }'), 'UNKNOWN_RULE', 8, /nobody/],
  [correlation('type: event_count, rules: [it], timespan: 1m, condition: { gte: 2 }'), 'CYCLE', 8, /it → it/],
  [correlation('type: event_count, rules: [base], timespan: 32d, condition: { gte: 2 }'), 'WINDOW_TOO_LONG', 8, /31d/],
  [correlation('type: event_count, rules: [base], timespan: 1m, condition: { lt: 2 }'), 'UNSUPPORTED_CONDITION', 8, /silences/],
  [correlation('type: value_median, rules: [base], timespan: 1m, condition: { field: http_status, gte: 2 }'), 'UNSUPPORTED_CORRELATION', 8, /value_median/],
  [correlation('type: value_percentile, rules: [base], timespan: 1m, condition: { field: http_status, gte: 2 }'), 'UNSUPPORTED_CORRELATION', 8, /value_percentile/],
  [correlation('type: temporal_ordered, rules: [base, base], timespan: 1m, condition: { gte: 1 }'), 'UNSUPPORTED_CONDITION', 8, /all of its rules/],
  [correlation('type: value_sum, rules: [base], timespan: 1m, condition: { field: user_id, gte: 2 }'), 'FIELD_TYPE', 8, /no number/],
  [correlation('type: event_count, rules: [base], group-by: [usr_id], timespan: 1m, condition: { gte: 2 }'), 'UNKNOWN_FIELD', 8, /did you mean user_id/],
  ['title: it\nfilter: { rules: any }', 'UNSUPPORTED_FILTER', 2, /and not/],
]; // prettier-ignore

test('what is wrong with a rule is said by code, line and nearest name, and the other rules are there', () => {
  for (const [yaml, code, line, says] of WRONG) {
    const { rules, parts, problems } = rulesIn([
      ['wrong.yml', yaml],
      ['good.yml', GOOD],
    ]);
    const [problem, ...more] = problems;
    assert.ok(problem, yaml);
    assert.equal(problem.code, code, `${yaml}\n${problem.message}`);
    assert.equal(`${problem.file}:${problem.line}`, `wrong.yml:${line}`, yaml);
    assert.match(problem.message, says);
    assert.deepEqual(more, []);
    assert.ok(
      [...rules, ...parts].some(r => r.rule.id === 'good'),
      yaml,
    );
  }
});

test('a document that would grow without end, and a file that is too large, are refused before they are read', () => {
  const many = Array.from({ length: 60_000 }, () => 'x').join(', ');
  const { problems } = rulesIn([['it.yml', `title: it\na: [${many}]`]]);
  assert.equal(problems[0]?.code, 'TOO_LARGE');
  const deep = rulesIn([
    ['it.yml', rule(`s: { status: error }\n  condition: ${'('.repeat(500)}s${')'.repeat(500)}`)],
  ]);
  assert.equal(deep.problems[0]?.code, 'CONDITION');
  const absent = readRules(['/nowhere/rules']);
  assert.equal(absent.problems[0]?.code, 'RULE_UNREADABLE');
});

test('what only the engine knows better is found before it is run', async () => {
  const { rules, parts, problems } = rulesIn([['it.yml', item("user_id|re: '\\p{Nothing}'")]]);
  assert.deepEqual(problems, []);
  const found = await checkRules({ rules, parts });
  assert.deepEqual([found[0]?.code, found[0]?.line], ['REGEX', 1]);
  assert.match(found[0]?.message ?? '', /^RE2 can't read it: invalid .*Nothing/);
});

test('a rule that others are made from is silent, unless one of them lets it be heard', () => {
  const made = (more: string): ReturnType<typeof rulesIn> =>
    rulesIn([
      ['it.yml', correlation(`type: event_count, rules: [base], timespan: 1m, condition: { gte: 2 }${more}`)],
    ]);
  assert.deepEqual(
    made('').rules.map(r => r.rule.title),
    ['it'],
  );
  assert.deepEqual(
    made(', generate: true').rules.map(r => r.rule.title),
    ['base', 'it'],
  );
  const off = rulesIn([['it.yml', `${GOOD}\nstatus: deprecated`]]);
  assert.deepEqual([off.rules.length, off.parts.length], [0, 1]);
});

test('a rule of the same id in a later set stands for the earlier; twice in one set it is a mistake', () => {
  const better = GOOD.replace('title: good', 'title: better');
  const { rules, problems, replaced } = rulesIn([
    ['a.yml', GOOD, 0],
    ['b.yml', better, 1],
  ]);
  assert.deepEqual([rules.map(r => r.rule.title), problems], [['better'], []]);
  assert.deepEqual([...replaced], [['good', 'a.yml']]);
  const twice = rulesIn([
    ['a.yml', GOOD],
    ['b.yml', better],
  ]);
  assert.deepEqual(
    twice.problems.map(p => [p.file, p.line, p.code, p.message]),
    [['b.yml', 1, 'DUPLICATE_ID', 'a.yml:1 has the same id']],
  );
});

const series = correlation(
  'type: event_count, rules: [base], timespan: 1m, condition: { gte: 2 }',
).replace('name: base', 'name: base\nid: a-part');

test('whatever others call their rules, a correlation is made from the rule of its own file, and that the name is taken is said', () => {
  for (const id of ['', 'id: another']) {
    const own = GOOD.replace('id: good', `name: base\n${id}`).replace('error', 'denied');
    const { rules, problems } = rulesIn([
      ['shipped.yml', series, 0],
      ['own.yml', own, 1],
    ]);
    assert.deepEqual(
      problems.map(p => [p.file, p.line, p.code, p.message]),
      [['own.yml', 1, 'DUPLICATE_NAME', 'shipped.yml:1 is called base too']],
    );
    assert.deepEqual(
      rules.map(r => r.rule.title),
      ['it', 'good'],
    );
    assert.match(rules[0]!.hits, /'error'/);
  }
});

test('a correlation that can not be used silences nothing', () => {
  const { rules } = rulesIn([['it.yml', correlation('type: event_count, rules: [base, nobody], timespan: 1m, condition: { gte: 2 }')]]);
  assert.deepEqual(
    rules.map(r => r.rule.title),
    ['base'],
  );
});

test('a key that is nearly one of Sigma is a warning, another one is somebody’s own', () => {
  const { rules, problems, warnings } = rulesIn([
    ['it.yml', `${GOOD}\nlevle: critical\nfalsepositive: [a]\nteam: red\nrule_id: x`],
  ]);
  assert.deepEqual([rules.length, problems], [1, []]);
  assert.deepEqual(
    warnings.map(w => [w.line, w.code, w.message]),
    [
      [5, 'UNKNOWN_KEY', 'levle is not read; did you mean level?'],
      [6, 'UNKNOWN_KEY', 'falsepositive is not read; did you mean falsepositives?'],
    ],
  );
});

test('what is no rule at all is told as what it is', () => {
  const said = (yaml: string): string | undefined => rulesIn([['it.yml', yaml]]).problems[0]?.message;
  assert.match(said('- a\n- b') ?? '', /^this is no rule: it is a list/);
  assert.match(said('hello') ?? '', /^this is no rule: it is a text/);
  assert.match(said(`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`) ?? '', /too deep/);
});

test('files of a folder are read once, whatever links lead to them', t => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.yml'), GOOD);
  symlinkSync('.', join(folder, 'loop'));
  symlinkSync('a.yml', join(folder, 'b.yml'));
  writeFileSync(join(folder, 'large.yml'), '#'.repeat((1 << 20) + 1));
  const { rules, problems } = readRules([folder]);
  assert.equal(rules.length, 1);
  assert.deepEqual(
    problems.map(p => p.message.replace(/^.*: /, '')),
    ['it is larger than 1 MiB, too large to be a Sigma rule'],
  );
});

test('mistakes in several parts of a rule are all said', () => {
  const { problems } = rulesIn([
    [
      'it.yml',
      `title: it
level: hgh
logsource: { product: slmaudit }
detection:
  a: { usr_id: x }
  b: { modl: y }
  condition: a and b
slmaudit: { entiti: [user_id] }`,
    ],
  ]);
  assert.deepEqual(
    problems.map(p => p.line),
    [2, 8, 5, 6],
  );
});

test('a correlation of another set that silences a rule says so', () => {
  const own = (more: string): string =>
    `title: own\ncorrelation: { type: event_count, rules: [good], timespan: 1m, condition: { gte: 2 }${more} }`;
  const made = (more: string): ReturnType<typeof rulesIn> =>
    rulesIn([
      ['shipped.yml', GOOD, 0],
      ['own.yml', own(more), 1],
    ]);
  const { rules, warnings } = made('');
  assert.deepEqual(
    [rules.map(r => r.rule.title), warnings.map(w => [w.file, w.line, w.code])],
    [['own'], [['own.yml', 1, 'SILENCED']]],
  );
  assert.match(warnings[0]!.message, /^good \(shipped\.yml:1\) does not alert by itself any more/);
  assert.deepEqual(made(', generate: true').warnings, []);
});
