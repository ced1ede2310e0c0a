import { FORMAT_NAMES } from '../../normalize/names.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { wrapped } from '../render/wrap.ts';
import { printable } from '../voice.ts';

/** Longer lines are not read. */
const MOST_WIDTH = 98;

export const formatsCommand: CommandDetails = {
  description: [
    'List every input format with the columns of the audit schema that it can fill and an example line. `seen`: the reading was made from lines of the writer itself; `documented`: from its source or documentation.',
    'Every record has event_type, ts, ts_quality, source_id, source_format and status beside; what no column takes goes to extra.',
  ],
  arguments: [],
  options: [{ flags: '--format <NAME>', about: 'this one only', choices: FORMAT_NAMES }],
  json: 'all of it as one array',
  examples: [{ command: 'slmaudit formats --format litellm', about: 'what a LiteLLM line can tell' }],
  exits: [[0, 'listed']],
  async run(given, { stdout, width }) {
    const { FORMATS } = await import('../../normalize/formats.ts');
    const only = text(given, 'format');
    const formats = FORMATS.filter(f => only === undefined || f.name === only);
    if (flag(given, 'json')) {
      const shown = formats.map(({ name, about, basis, fills, example }) => ({
        name,
        about,
        basis,
        fills,
        example,
      }));
      printJson({ stdout }, shown);
      return 0;
    }
    for (const { name, about, basis, fills, example } of formats) {
      stdout.write(`${name.padEnd(18)}${basis.padEnd(12)}${about}\n`);
      stdout.write(`${wrapped(fills.join(', '), Math.min(width ?? MOST_WIDTH, MOST_WIDTH), 2, true)}\n`);
      stdout.write(`  ${printable(example)}\n\n`);
    }
    return 0;
  },
};
