import type { FormName } from '../../export/export.ts';
import { ANSWER_EXITS, ANSWER_OPTIONS, answer, formatByName } from '../answer.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { FILTER_OPTIONS, filtersOf } from '../filters.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { usage } from '../values.ts';

const NAMES = ['native', 'ocsf', 'otel', 'ecs'] as const satisfies readonly FormName[];

export const exportCommand: CommandDetails = {
  description: [
    'Write the records for which all that is given holds, one JSON object a line, in the order of the log; those that are not sealed yet come last.',
    'native: the canonical lines that were hashed and signed, to the byte, so that each can be checked with a proof, and be ingested again. ocsf: API Activity and Authentication events of OCSF 1.8. otel: OTLP-JSON log records with GenAI attributes, one export request a line. ecs: Elastic Common Schema documents. Nothing is lost: what a schema has no place for stands in its unmapped, slmaudit.* or slmaudit.',
    '--nested writes labels and extra of native as objects instead of JSON in a text. That is easier to read, and no longer what was sealed.',
  ],
  arguments: [],
  options: [
    { flags: '--as <FORM>', about: 'how records are written', choices: NAMES, default: 'native' },
    { flags: '--nested', about: 'labels and extra as objects: for people, not canonical' },
    ...FILTER_OPTIONS,
    ...SPAN_OPTIONS,
    ...ANSWER_OPTIONS,
  ],
  examples: [
    {
      command: 'slmaudit export --since 2026-05-01 --until 2026-06-01 -o may.ndjson --receipt may.receipt',
      about: 'a month, and what it was made from',
    },
    { command: 'slmaudit export --user ana --as ecs | curl ...', about: 'one user, for Elasticsearch' },
    { command: 'slmaudit export --as otel --type inference -o calls.otlp.ndjson', about: 'for a collector' },
  ],
  exits: ANSWER_EXITS,
  async run(given, context) {
    const { EXPORT_ENGINE, exportQuestion, exportSink } = await import('../../export/export.ts');
    const { conditionOf } = await import('../../search/conditions.ts');
    const form = (text(given, 'as') ?? 'native') as FormName;
    const isNested = flag(given, 'nested');
    const called = formatByName(text(given, 'output'));
    if (called !== undefined && called !== 'ndjson' && called !== 'json')
      throw usage(
        `export writes a line of JSON a record, not ${called}: call the file .ndjson, or let \`slmaudit search\` write it, which takes the same filters`,
      );
    if (isNested && form !== 'native') throw usage('--nested is for --as native; the others have objects');
    const store = context.openStore();
    const condition = conditionOf(await filtersOf(given, store, context.stdin));
    const question = { ...exportQuestion(condition), ...spanOf(given, context) };
    return answer(given, context, store, {
      verb: 'export',
      question,
      sink: print => exportSink(form, print, { isNested }),
      engine: EXPORT_ENGINE,
    });
  },
};
