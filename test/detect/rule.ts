import type { CompiledRule, Level } from '../../src/rules/rule.ts';

/** A compiled rule around a SELECT of hits. */
export function madeRule(made: {
  readonly hits: string;
  readonly id?: string;
  readonly level?: Level;
  readonly entity?: readonly string[];
  readonly episode?: number;
  readonly suppress?: number;
  readonly lookback?: number;
  readonly evidence?: string;
}): CompiledRule {
  const { hits, id = 'a-rule', level = 'high', entity = ['user_id'], episode = 3600, suppress = 0 } = made;
  return {
    rule: {
      id,
      title: `Rule ${id}`,
      level,
      falsepositives: [],
      references: [],
      tags: [],
      file: 'made.yml',
      line: 1,
      text: '',
      options: {
        episode,
        suppress,
        door: { by: ['user_id', 'api_key_id', 'client_ip'], before: 86_400 },
        zone: 'UTC',
        tests: [],
      },
    },
    entity,
    hits,
    evidence:
      made.evidence ??
      'SELECT seq, event_id, ts FROM records WHERE ts BETWEEN $from::TIMESTAMPTZ AND $to::TIMESTAMPTZ AND user_id = $e1',
    tables: [],
    parts: [],
    lookback: made.lookback ?? 0,
    show: (from, to) => `slmaudit search --since ${from} --until ${to}`,
  };
}
