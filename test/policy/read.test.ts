import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policySetCommand } from '../../src/cli/commands/policy.ts';
import { AuditError } from '../../src/errors.ts';
import { BASIS, MOST_DAYS, parsePolicy, policyLines } from '../../src/log/policy.ts';
import { readPeriod } from '../../src/policy/period.ts';
import { PRESETS } from '../../src/policy/presets.ts';
import { parsePolicyFile, readPolicy } from '../../src/policy/read.ts';

const parse = (text: string): ReturnType<typeof parsePolicyFile> => parsePolicyFile(text, 'p.yaml');
const refusalOf = (work: () => unknown): AuditError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof AuditError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
};

test('months and years are the longest there can be of a minimum, the shortest of a maximum', () => {
  for (const [text, longest, shortest] of [
    ['184d', 184, 184],
    ['0d', 0, 0],
    ['26w', 182, 182],
    ['1mo', 31, 28],
    ['6mo', 184, 181],
    ['1y', 366, 365],
    ['2 y', 731, 730],
    ['6y', 2192, 2190],
    ['100y', 36_525, 36_524],
  ] as const) {
    assert.equal(readPeriod(text, 'longest'), longest, text);
    assert.equal(readPeriod(text, 'shortest'), shortest, text);
  }
  for (const text of ['', '184', 'd', '1.5y', '-1d', '1h', '6m', '1year', '123456d'])
    assert.equal(readPeriod(text, 'longest'), undefined, text);
  assert.ok(readPeriod('99999y', 'longest')! > MOST_DAYS);
});

test('the policy that --help shows comes to what it says', () => {
  const { policy, notes } = parse(policySetCommand.file!.lines.join('\n'));
  assert.deepEqual(policy, {
    presets: [{ name: 'eu-ai-act', date: '2026-11-25' }],
    classes: [
      {
        name: 'default',
        min: 184,
        max: 400,
        age: 'sealed',
        review: '2027-06-01',
        basis: ['eu-ai-act:19(1)'],
      },
      { name: 'auth', min: 366, max: 730, age: 'sealed', basis: ['our-policy:4.2'] },
      { name: 'short', min: 30, age: 'record', basis: [] },
    ],
    rules: [
      { class: 'auth', where: [{ column: 'event_type', values: ['auth', 'admin'] }] },
      {
        class: 'short',
        where: [
          { column: 'model', values: ['test-*'] },
          { column: 'source_id', values: ['lab', 'bench'] },
        ],
      },
    ],
    grace: 7,
    redactAny: true,
    retroactive: true,
  });
  assert.deepEqual(notes, [
    'class short is kept 30 days at least, as the file says; eu-ai-act has 184 (eu-ai-act:19(1))',
  ]);
});

test('presets combine as the greatest minimum and the least maximum, each with its basis', () => {
  const { policy } = readPolicy('eu-ai-act,pci-dss,default');
  assert.deepEqual(policy.classes, [
    {
      name: 'default',
      min: 366,
      max: 400,
      age: 'sealed',
      review: '2027-11-25',
      basis: ['eu-ai-act:19(1)', 'pci-dss:10.5.1', 'slmaudit:default'],
    },
  ]);
  assert.deepEqual(
    policy.presets.map(p => p.name),
    ['eu-ai-act', 'pci-dss', 'default'],
  );
});

test('gdpr-lean alone lets everything go at once and asks that it goes after ninety days', () => {
  assert.deepEqual(
    readPolicy('gdpr-lean').policy.classes.map(({ min, max }) => [min, max]),
    [[0, 90]],
  );
});

test('presets that contradict each other are refused, with both bases', () => {
  const error = refusalOf(() => readPolicy('eu-ai-act,gdpr-lean'));
  assert.equal(error.code, 'POLICY_CONFLICT');
  assert.match(
    error.message,
    /184 days at least \(eu-ai-act, eu-ai-act:19\(1\)\) and 90 at most \(gdpr-lean, gdpr:5\(1\)\(e\)\)/,
  );
  const stated = parse('presets: [eu-ai-act, gdpr-lean]\nclasses: { default: { max: 1y } }');
  assert.deepEqual(
    [stated.policy.classes[0]!.max, stated.notes.length],
    [365, 1],
    'a class of its own may say otherwise, and that is said',
  );
});

test('dora states no period: whoever it binds has to', () => {
  assert.match(refusalOf(() => readPolicy('dora')).message, /needs a min of its own/);
  assert.match(refusalOf(() => readPolicy('pci-dss,dora')).message, /needs a min of its own/);
  const { policy } = parse('presets: dora\nclasses: { default: { min: 5y } }');
  assert.deepEqual([policy.classes[0]!.min, policy.classes[0]!.basis], [1827, ['dora:rts-2024-1774:12(2)']]);
});

test('every preset can be written and read, has its citation, and says how sure it is', () => {
  for (const preset of PRESETS) {
    assert.match(preset.basis, BASIS);
    assert.ok(
      preset.citation.length > 10 && preset.sure.length > 5 && preset.review > preset.date,
      preset.name,
    );
    if (preset.asks) continue;
    const { policy } = readPolicy(preset.name);
    const entry = { origin: 'a', index: 1, kind: 'policy', version: 1, at: '', lines: policyLines(policy) };
    assert.deepEqual(parsePolicy(entry), policy);
  }
});

test('an option stands above the file', () => {
  const text = 'grace: 10d\nclasses: { default: { min: 1d } }';
  assert.equal(parse(text).policy.grace, 10);
  const { policy } = parsePolicyFile(text, 'p.yaml', { grace: '1mo', retroactive: true });
  assert.deepEqual([policy.grace, policy.retroactive], [31, true]);
  for (const grace of ['6d', 'soon', '101y'])
    assert.equal(refusalOf(() => readPolicy('default', { grace })).code, 'USAGE', grace);
});

test('what has no folder and no extension is no file: the nearest preset is named', () => {
  const error = refusalOf(() => readPolicy('eu-ai-akt'));
  assert.equal(error.code, 'NO_SUCH_PRESET');
  assert.match(error.message, /did you mean eu-ai-act\?/);
  assert.match(error.hint!, /\.\/eu-ai-akt/);
  assert.equal(refusalOf(() => readPolicy('default,')).code, 'NO_SUCH_PRESET');
  assert.equal(refusalOf(() => readPolicy('./none.yaml')).code, 'POLICY_UNREADABLE');
});

const CLASSES = 'classes:\n  default: { min: 184d }\n';
for (const [name, text, line, message] of [
  ['nothing', '', 1, /members belong here: presets, /],
  ['no periods', 'grace: 7d', 1, /presets or classes are missing/],
  ['a misspelled key', `${CLASSES}retroactiv: yes`, 3, /retroactiv is none of .*did you mean retroactive\?/],
  [
    'a misspelled key of a class',
    'classes:\n  default:\n    mni: 1d',
    3,
    /mni is none of .*did you mean min or max\?/,
  ],
  ['a misspelled preset', 'presets:\n  - eu-ai-act\n  - hippa', 3, /no preset "hippa".*did you mean hipaa\?/],
  ['a class twice', `${CLASSES}  default: { min: 1d }`, 3, /unique/],
  ['a class in capitals', 'classes:\n  Auth: { min: 1d }', 2, /lower-case/],
  ['a class without a minimum', 'classes:\n  default: { age: sealed }', 2, /class default needs a min/],
  ['no class default', 'classes:\n  auth: { min: 1d }', 1, /class default needs a min/],
  [
    'a minimum above its maximum',
    'classes:\n  default: { min: 1y, max: 1y }',
    2,
    /366 days at least \(its own\) and 365 at most/,
  ],
  [
    'a minimum above a preset',
    'presets: gdpr-lean\nclasses:\n  default: { min: 91d, basis: tax:147 }',
    3,
    /91 days at least \(its own, tax:147\) and 90 at most \(gdpr-lean, /,
  ],
  ['a conflict of presets', 'grace: 7d\npresets: [hipaa, gdpr-lean]', 2, /2192 days at least \(hipaa, /],
  ['days without a unit', 'classes:\n  default:\n    min: 184', 3, /min is a period such as 184d.*not 184/],
  ['two hundred years', 'classes:\n  default: { min: 200y }', 2, /36525 days at most/],
  [
    'an age of its own',
    'classes:\n  default: { min: 1d, age: seald }',
    2,
    /age is sealed or record, not seald; did you mean sealed\?/,
  ],
  ['a review that is no day', 'classes:\n  default: { min: 1d, review: 2027-02-30 }', 2, /review is a day/],
  ['a basis in words', 'classes:\n  default: { min: 1d, basis: "our house rule" }', 2, /basis is a code/],
  ['a grace that is too short', `grace: 6d\n${CLASSES}`, 1, /grace is 7 days at least, not 6/],
  ['half retroactive', `${CLASSES}retroactive: perhaps`, 3, /retroactive is yes or no/],
  ['redaction of some', `${CLASSES}redact: some`, 3, /redact is any or none/],
  [
    'a rule for a class that is not there',
    `${CLASSES}rules:\n  - { class: defualt, model: a }`,
    4,
    /names the class defualt.*did you mean default\?/,
  ],
  ['a rule without a class', `${CLASSES}rules:\n  - { model: a }`, 4, /class is missing/],
  ['a rule without a condition', `${CLASSES}rules:\n  - { class: default }`, 4, /needs a condition/],
  [
    'a rule by person',
    `${CLASSES}rules:\n  - class: default\n    user_id: ana`,
    5,
    /can't be ruled by user_id.*no person/,
  ],
  [
    'a rule by no column',
    `${CLASSES}rules:\n  - { class: default, modle: a }`,
    4,
    /modle is no column.*did you mean model\?/,
  ],
  [
    'a rule by a kind that is not there',
    `${CLASSES}rules:\n  - { class: default, event_type: [auth, amdin] }`,
    4,
    /no event_type amdin.*did you mean admin\?/,
  ],
  ['a rule of no value', `${CLASSES}rules:\n  - { class: default, model: [] }`, 4, /model needs a value/],
  [
    'a rule of too much',
    `${CLASSES}rules:\n  - { class: default, model: "${'x'.repeat(2001)}" }`,
    4,
    /over 2000 bytes/,
  ],
  [
    'a star that YAML takes for its own',
    `${CLASSES}rules:\n  - { class: default, model: *x }`,
    4,
    /begins with \* stands in quotes/,
  ],
  ['no YAML', 'classes: {', 1, /flow map/i],
] as const) {
  test(`${name}: refused, with the line`, () => {
    const error = refusalOf(() => parse(text));
    assert.equal(error.code, 'POLICY_INVALID');
    assert.match(error.message, new RegExp(`^p\\.yaml:${line}: `));
    assert.match(error.message, message);
  });
}
