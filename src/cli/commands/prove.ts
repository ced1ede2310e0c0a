import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { usage } from '../values.ts';

export const proveCommand: CommandDetails = {
  description: [
    'Write one sealed record as its canonical line, and a C2SP tlog-proof of it: that the line stands in a manifest, and the manifest in the log that the checkpoint signs. Whoever has the pin can check both with `slmaudit verify --proof`, without the store, and the halves with other tools of C2SP.',
    'The proof says that the holder of the log key vouches for the record. That nobody, the holder of today’s keys included, could have changed it since it was sealed is what `slmaudit verify` shows of the whole log.',
  ],
  arguments: [{ name: 'RECORD', about: 'its event_id or its seq, as `slmaudit query` prints them' }],
  options: [
    {
      flags: '-o, --output <DIR>',
      about: 'folder for the two files, made if it is not there',
      default: 'the present one',
    },
    { flags: '--force', about: 'replace files that are there' },
  ],
  json: 'line and proof as one object; no file is written',
  examples: [
    { command: 'slmaudit prove 41 -o evidence', about: 'evidence/EVENT_ID.ndjson and .tlog-proof' },
    {
      command: 'slmaudit verify --proof evidence/EVENT_ID.tlog-proof --pin pin.txt',
      about: 'on any other host',
    },
  ],
  exits: [
    [0, 'proved'],
    [1, 'the log or that segment was altered'],
    [2, 'no such record, or a file could not be written'],
  ],
  async run(given, { openStore, stdout, knownFolder }) {
    const { prove } = await import('../../prove/prove.ts');
    const [name] = given.args;
    if (name === undefined) throw usage('name a record by its event_id or its seq');
    const proved = await prove(openStore(), name, knownFolder);
    if (flag(given, 'json')) {
      printJson({ stdout }, proved);
      return 0;
    }
    const base = join(text(given, 'output') ?? '.', proved.eventId);
    const files = [
      [`${base}.ndjson`, `${proved.line}\n`],
      [`${base}.tlog-proof`, proved.proof],
    ] as const;
    mkdirSync(dirname(base), { recursive: true });
    const there = files.find(([path]) => existsSync(path));
    if (there && !flag(given, 'force')) throw usage(`${there[0]} is there already; --force replaces it`);
    for (const [path, content] of files) {
      writeFileSync(path, content, { mode: 0o600 });
      stdout.write(`${path}\n`);
    }
    return 0;
  },
};
