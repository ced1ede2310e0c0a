import { CODE } from '../../log/hold.ts';
import { type CommandDetails, flag, text } from '../command.ts';
import { printJson } from '../json.ts';
import { FILTER_OPTIONS, filtersOf } from '../filters.ts';
import { optionsOf } from '../answer.ts';
import { SPAN_OPTIONS, spanOf } from '../span.ts';
import { counted, usage } from '../values.ts';
import { LOCK_WAIT_OPTION, lockWaitOf } from '../writing.ts';

/** Filters whose value is looked for in rejected lines too, as it is spelled; that of --text is, whatever its case. */
const PERSONAL = ['user', 'apiKey', 'ip', 'session', 'request'] as const;

/** A pattern or a network stands for values that no rejected line spells so. */
const isVague = (name: (typeof PERSONAL)[number], value = ''): boolean =>
  value.includes('*') || (name === 'ip' && value.includes('/'));

export const redactCommand: CommandDetails = {
  description: [
    'Remove what some records say, found by event id or as `slmaudit search` finds them. Of each only its leaf hash stays, so that everything still verifies, and proofs of other records still hold. What they said is gone from payloads, from quarantine (with all rejected lines of a segment of which one holds what was searched for), and from what queries remember. How many and why is in the log for ever; who is not.',
    'A redaction obeys policy and holds as `slmaudit prune` does; a policy with `redact: any` lets rows be redacted before their minimum. Records of running ingests are not sealed yet and are not redacted: run it again once they are.',
    'Backups, exports and receipts that were made before hold what they held.',
  ],
  arguments: [
    { name: 'EVENT_ID', about: 'event ids, as `slmaudit search` prints them', many: true, optional: true },
  ],
  options: [
    ...FILTER_OPTIONS,
    ...SPAN_OPTIONS,
    { flags: '--reason <CODE>', about: 'why, as a code: erasure-request, court-order, ...' },
    { flags: '-n, --dry-run', about: 'say what would be redacted, and do nothing' },
    { flags: '--yes', about: 'do it: what is redacted can not be had back' },
    LOCK_WAIT_OPTION,
  ],
  json: 'what was redacted, as one object',
  examples: [
    { command: 'slmaudit redact --user ana --reason erasure-request --dry-run', about: 'what would go' },
    { command: 'slmaudit redact --user ana --reason erasure-request --yes', about: 'all that ana asked' },
  ],
  exits: [
    [0, 'redacted, or nothing to redact'],
    [1, 'what was sealed has been altered; nothing was done'],
    [2, 'a policy or a hold keeps a record, or it could not be done; nothing was'],
    [75, 'another writer holds the lock'],
  ],
  async run(given, context) {
    const { voice } = context;
    const dryRun = flag(given, 'dryRun');
    const reason = text(given, 'reason');
    if (reason === undefined || !CODE.test(reason))
      throw usage('give --reason as a code of letters, digits and ._:/- such as erasure-request');
    if (!dryRun && !flag(given, 'yes'))
      throw usage('what is redacted can not be had back: look with --dry-run, then say --yes');
    const store = context.openStore();
    const { conditionOf } = await import('../../search/conditions.ts');
    const { redact } = await import('../../redact/redact.ts');
    const filters = await filtersOf(given, store, context.stdin);
    const span = spanOf(given, context);
    const condition = conditionOf(filters);
    const anyCase = text(given, 'text');
    if (
      given.args.length === 0 &&
      condition.sql === 'true' &&
      span.since === undefined &&
      span.until === undefined
    )
      throw usage('name event ids, or say which records as for `slmaudit search`');
    const ids = Object.fromEntries(given.args.map((id, i) => [`event_${i + 1}`, id.toLowerCase()]));
    const named =
      given.args.length === 0
        ? ''
        : ` AND event_id IN (${Object.keys(ids)
            .map(n => `$${n}`)
            .join(', ')})`;
    const vague = PERSONAL.filter(name => isVague(name, text(given, name)));
    if (vague.length > 0)
      voice.warn(
        `rejected lines are looked through for whole values: of ${vague.map(name => text(given, name)).join(', ')} they may hold some still; name each value`,
      );
    const lockWaitMs = lockWaitOf(given);
    const { sealLeftovers } = await import('../../seal/seal.ts');
    if (!dryRun) await sealLeftovers(store, { lockWaitMs, take: false });
    const done = await redact(
      store,
      {
        ...condition,
        sql: `SELECT seq FROM records WHERE ${condition.sql}${named}`,
        parameters: { ...condition.parameters, ...ids },
        ...span,
      },
      {
        lockWaitMs,
        now: Date.now(),
        dryRun,
        reason,
        query: optionsOf(given, context),
        texts: [...given.args, ...PERSONAL.flatMap(name => text(given, name) ?? [])],
        ...(anyCase !== undefined && { anyCase }),
      },
    );
    if (flag(given, 'json')) {
      printJson(context, { ...done, entry: done.entry ?? null, dryRun });
      return 0;
    }
    const what = `${counted(done.records, 'record')} in ${counted(done.segments.length, 'segment')}`;
    const rejected =
      done.quarantine.length > 0
        ? `, and the rejected lines of ${counted(done.quarantine.length, 'segment')}`
        : '';
    voice.say(
      done.entry === undefined
        ? `would redact ${what}${rejected}`
        : `redacted ${what}${rejected} (entry ${done.entry})`,
    );
    const { asideNames } = await import('../../store/layout.ts');
    for (const name of asideNames(store.at))
      voice.warn(
        `open/${name} was set aside and is not looked through: look at it, and move it out of the store`,
      );
    if (done.open > 0)
      voice.warn(`${counted(done.open, 'record')} of running ingests can be redacted once they are sealed`);
    return 0;
  },
};
