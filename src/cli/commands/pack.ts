import { instantOf } from '../../store/clock.ts';
import { userName } from '../actor.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { counted, grouped, humanBytes, readSize, readZone, usage } from '../values.ts';

/** Of the engine's buffers: it passes rows on, and sorts them on disk. */
const MEMORY = 128 << 20;

export const packCommand: CommandDetails = {
  description: [
    'Write an evidence pack: records as canonical lines and as the Parquet files that were sealed, the whole signed log, the pin, what `verify` says of it, coverage, policies, holds and deletions, a dictionary of fields, a map of common requirements to these files, and a README that says how to check all of it, with this program and without.',
    'A pack of a span holds the files with any record of it; the README has the `verify --pack` that is good for them. Prompts and answers are never in it, nor are rejected lines, which are counted; persons are, as they stand in the records.',
    'It is written beside its name and renamed when it is whole. If verification finds anything, the pack is made all the same, says so at its top, and the answer is that of `verify`. The same store packed again gives the same files, but for pack.json, SHA256SUMS, and the head known before that verification.json names; what is under a hold or in force can change with the day.',
  ],
  arguments: [],
  options: [
    {
      flags: '-o, --output <PATH>',
      about: 'a new folder, or a new file that ends in .tar.gz; there must be nothing yet',
    },
    ...SPAN_OPTIONS,
    { flags: '--pin <PIN>', about: 'the pin, or a file that holds it', default: "this host's own" },
    { flags: '--memory <SIZE>', about: "bound of the engine's buffers", default: '128MiB' },
  ],
  json: 'what was written and what verify said, as one object',
  examples: [
    {
      command: 'slmaudit pack --since 2026-05-01 --until 2026-06-01 -o may.tar.gz --pin pin.txt',
      about: 'a month, for an auditor',
    },
    { command: 'slmaudit pack -o evidence', about: 'everything, as a folder' },
  ],
  exits: [
    [0, 'packed, and intact'],
    [1, 'packed, and something was altered'],
    [2, 'not packed; or packed, and something could not be checked'],
    [4, 'packed, and intact against no pin, or the log was rekeyed'],
    [130, 'interrupted, nothing written'],
  ],
  async run(given, context) {
    const { pack } = await import('../../pack/pack.ts');
    const { formatPin } = await import('../../log/pin.ts');
    const { givenPin } = await import('../../store/store.ts');
    const { beginLogged } = await import('../../query/logged.ts');
    const output = text(given, 'output');
    if (output === undefined) throw usage('name a new folder or .tar.gz file with -o');
    const store = context.openStore();
    const span = spanOf(given, context);
    const [pin, memory] = [text(given, 'pin'), text(given, 'memory')];
    const now = instantOf(Date.now());
    const question = { sql: 'pack', parameters: {}, ...span };
    const read = {
      ...(pin !== undefined && { pin: givenPin(pin) }),
      memory: memory === undefined ? MEMORY : readSize(memory, '--memory'),
      zone: readZone(text(given, 'zone')) ?? 'UTC',
    };
    const logged = beginLogged(store, { verb: 'pack', question, user: userName(), at: now });
    try {
      const packed = await pack(store, {
        ...span,
        ...read,
        output,
        remember: context.headsFolder,
        version: context.version,
        now,
        signal: context.signal,
        onStep: step => context.voice.progress(step),
      });
      logged?.end('ok', { rows: packed.records });
      if (flag(given, 'json')) {
        printJson(context, packed);
        return packed.exit;
      }
      context.stdout.write(`${packed.path}\n`);
      context.voice.say(
        `${counted(packed.records, 'record')}, ${grouped(packed.files)} files, ${humanBytes(packed.bytes)}`,
      );
      const { findings } = packed;
      if (findings > 0)
        context.voice.warn(
          `verification found ${counted(findings, 'thing')}; README.md of the pack begins with it`,
        );
      else if (packed.exit === 4) context.voice.warn('verified against no pin: name one with --pin');
      if (read.pin) context.voice.say(`pin ${formatPin(read.pin)}`);
      return packed.exit;
    } catch (error) {
      logged?.end(context.signal.aborted ? 'cancelled' : 'error', { rows: 0 });
      throw error;
    }
  },
};
