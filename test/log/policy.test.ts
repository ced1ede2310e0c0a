import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AuditError } from '../../src/errors.ts';
import type { Entry } from '../../src/log/entry.ts';
import { type EntryLine, formatLine, parseLine } from '../../src/log/line.ts';
import {
  classIn,
  classOf,
  KEEP_ALL,
  MOST_DAYS,
  parsePolicy,
  type Policy,
  policyLines,
  RULED,
} from '../../src/log/policy.ts';

const entryOf = (lines: readonly EntryLine[], kind = 'policy', version = 1): Entry => ({
  origin: 'test.example/log',
  index: 1,
  kind,
  version,
  at: '2026-01-01T00:00:00.000000Z',
  lines,
});
/** As text, as entries have it, and back. */
const written = (text: string): Entry => entryOf(text.trim().split('\n').map(parseLine));
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof AuditError, String(error));
    return error.code;
  }
  return 'none';
};

const day = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true })
  .map(d => d.toISOString().slice(0, 10));
const basis = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.:()/_-]{0,20}$/);
const period = fc
  .tuple(fc.nat(MOST_DAYS), fc.option(fc.nat(MOST_DAYS), { nil: undefined }))
  .map(([a, b]) => (b === undefined ? { min: a } : { min: Math.min(a, b), max: Math.max(a, b) }));
const retention = fc.record({
  period,
  age: fc.constantFrom('sealed' as const, 'record' as const),
  review: fc.option(day, { nil: undefined }),
  basis: fc.array(basis, { maxLength: 3 }),
});
const policies: fc.Arbitrary<Policy> = fc
  .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}$/), { maxLength: 3 })
  .chain(more => {
    const names = [...new Set(['default', ...more])];
    return fc.record({
      presets: fc.array(fc.record({ name: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/), date: day }), {
        maxLength: 2,
      }),
      classes: fc.tuple(...names.map(() => retention)).map(all =>
        all.map(({ period: p, review, ...rest }, i) => ({
          name: names[i]!,
          ...p,
          ...rest,
          ...(review !== undefined && { review }),
        })),
      ),
      rules: fc.array(
        fc.record({
          class: fc.constantFrom(...names),
          where: fc.array(
            fc.record({
              column: fc.constantFrom(...RULED),
              values: fc.array(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }), {
                minLength: 1,
                maxLength: 3,
              }),
            }),
            { minLength: 1, maxLength: 3 },
          ),
        }),
        { maxLength: 3 },
      ),
      grace: fc.integer({ min: 7, max: MOST_DAYS }),
      redactAny: fc.boolean(),
      retroactive: fc.boolean(),
    });
  });

test('a policy is read from an entry as it was written, whatever stands in its rules', () => {
  fc.assert(
    fc.property(policies, policy => {
      const text = policyLines(policy).map(formatLine).join('\n');
      const back = parsePolicy(written(text));
      // Of fast-check's records without a prototype.
      assert.deepEqual(back, structuredClone(policy));
      assert.equal(policyLines(back).map(formatLine).join('\n'), text);
    }),
  );
});

const GOOD = `preset pci-dss 2026-11-25
class default 184 400 sealed 2027-06-01 eu-ai-act:19(1) gdpr:5(1)(e)
class auth 365 none record none
rule 0 auth event_type auth admin
rule 0 auth model test-*
rule 1 default source_id a%20b
grace 7
redact any
retroactive yes`;

test('the lines of a policy say what its classes, rules and flags are', () => {
  assert.deepEqual(parsePolicy(written(GOOD)), {
    presets: [{ name: 'pci-dss', date: '2026-11-25' }],
    classes: [
      {
        name: 'default',
        min: 184,
        max: 400,
        age: 'sealed',
        review: '2027-06-01',
        basis: ['eu-ai-act:19(1)', 'gdpr:5(1)(e)'],
      },
      { name: 'auth', min: 365, age: 'record', basis: [] },
    ],
    rules: [
      {
        class: 'auth',
        where: [
          { column: 'event_type', values: ['auth', 'admin'] },
          { column: 'model', values: ['test-*'] },
        ],
      },
      { class: 'default', where: [{ column: 'source_id', values: ['a b'] }] },
    ],
    grace: 7,
    redactAny: true,
    retroactive: true,
  });
});

/** What is replaced in the good one, and by what. */
const WRONG: Readonly<Record<string, readonly [string | RegExp, string]>> = {
  'no class default': [/^class default.*$/m, 'class other 1 2 sealed none'],
  'no class at all': [/^(?:class|rule).*\n/gm, ''],
  'a class twice': ['class auth', 'class default'],
  'a maximum below its minimum': ['184 400', '184 183'],
  'a minimum that is no number': ['184 400', '184d 400'],
  'a minimum for ever': ['184 400', 'Infinity none'],
  'a minimum of over a hundred years': ['365 none', '36526 none'],
  'a leading zero': ['184 400', '0184 400'],
  'a negative minimum': ['184 400', '-1 400'],
  'an age of its own': ['sealed 2027', 'written 2027'],
  'a review on no day': ['2027-06-01', '2027-06-31'],
  'a review without a day': ['2027-06-01', 'soon'],
  'a class of five letters and a space': ['class auth', 'class au%20th'],
  'a class in capitals': ['class auth', 'class Auth'],
  'a basis with a person in it': ['gdpr:5(1)(e)', 'ana@example.com'],
  'a class with too few values': ['365 none record none', '365 none record'],
  'a preset without its date': ['pci-dss 2026-11-25', 'pci-dss'],
  'a preset of a day that is none': ['2026-11-25', '2026-02-29'],
  'a preset in capitals': ['preset pci-dss', 'preset PCI'],
  'a rule for a class that is not there': ['rule 1 default', 'rule 1 other'],
  'a rule about a person': ['rule 1 default source_id', 'rule 1 default user_id'],
  'a rule without a value': ['source_id a%20b', 'source_id'],
  'rules that begin at 1': [/rule 0.*\n/g, ''],
  'a rule that is left out': ['rule 1', 'rule 2'],
  'a rule that comes back': ['rule 1 default', 'rule 0 default'],
  'a rule of two classes': ['rule 0 auth model', 'rule 0 default model'],
  'a rule of a number that no list has': ['rule 1', 'rule 9007199254740991'],
  'a grace of six days': ['grace 7', 'grace 6'],
  'a grace of over a hundred years': ['grace 7', 'grace 36526'],
  'no grace': ['grace 7\n', ''],
  'grace twice': ['grace 7', 'grace 7\ngrace 7'],
  'redaction of some': ['redact any', 'redact some'],
  'not retroactive, but said so': ['retroactive yes', 'retroactive no'],
  'lines out of order': [/redact any\nretroactive yes/, 'retroactive yes\nredact any'],
};
for (const [name, [from, to]] of Object.entries(WRONG)) {
  test(`${name}: malformed`, () => {
    const text = GOOD.replace(from, to);
    assert.notEqual(text, GOOD);
    assert.equal(
      codeOf(() => parsePolicy(written(text))),
      'ENTRY_MALFORMED',
    );
  });
}

test('a line or a version that is not known is of a newer slmaudit, another kind no policy', () => {
  assert.equal(
    codeOf(() => parsePolicy(written(`${GOOD}\napprover somebody`))),
    'WRITTEN_BY_NEWER',
  );
  assert.equal(
    codeOf(() => parsePolicy(entryOf([], 'policy', 2))),
    'WRITTEN_BY_NEWER',
  );
  assert.equal(
    codeOf(() => parsePolicy(entryOf([], 'hold'))),
    'ENTRY_MALFORMED',
  );
});

test('genesis keeps all, for ever: that policy is never written, only known', () => {
  assert.equal(classIn(KEEP_ALL, 'whatever').min, Infinity);
  assert.equal(
    codeOf(() => parsePolicy(entryOf(policyLines(KEEP_ALL)))),
    'ENTRY_MALFORMED',
  );
});

const POLICY = parsePolicy(written(GOOD));

test('the first rule whose conditions all hold says the class; without one it is default', () => {
  assert.equal(classOf(POLICY, { event_type: 'auth', model: 'test-1' }), 'auth');
  assert.equal(classOf(POLICY, { event_type: 'admin', model: 'test-' }), 'auth');
  assert.equal(classOf(POLICY, { event_type: 'auth', model: 'qwen3-4b' }), 'default');
  assert.equal(classOf(POLICY, { event_type: 'auth' }), 'default');
  assert.equal(classOf(POLICY, {}), 'default');
});

const like = (value: string, pattern: string): boolean =>
  classOf(
    {
      ...KEEP_ALL,
      rules: [{ class: 'like', where: [{ column: 'model', values: [pattern] }] }],
    },
    { model: value },
  ) === 'like';

test('* stands for anything, also nothing and line feeds; every other character for itself', () => {
  for (const [value, pattern] of [
    ['a.b', 'a.b'],
    ['', '*'],
    ['a\nb', 'a*b'],
    ['ab', 'a*b'],
    ['ab', '*a*b*'],
    ['aXbXb', 'a*b'],
    ['aba', 'a*a'],
    ['[x](y)$', '[x]*$'],
  ])
    assert.ok(like(value!, pattern!), `${value} like ${pattern}`);
  for (const [value, pattern] of [
    ['axb', 'a.b'],
    ['a', 'a*a'],
    ['abc', 'a*b'],
    ['ba', 'a*'],
    ['ab', 'a'],
    ['abcb', 'a*c*c'],
  ])
    assert.ok(!like(value!, pattern!), `${value} not like ${pattern}`);
});

test('a pattern says what a regular expression of it would', () => {
  const text = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', '.') });
  const pattern = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('a', 'b', '.', '*') });
  fc.assert(
    fc.property(text, pattern, (value, p) => {
      const form = new RegExp(`^${p.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 's');
      assert.equal(like(value, p), form.test(value), `${value} ${p}`);
    }),
    { numRuns: 500 },
  );
});

test('what a log says of its model can not hold a rule of many stars up', () => {
  const began = performance.now();
  assert.ok(!like('a'.repeat(4000), `${'*a'.repeat(30)}*b`));
  assert.ok(performance.now() - began < 20_000);
});
