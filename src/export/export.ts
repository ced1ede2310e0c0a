import type { ResultSink } from '../duck/process.ts';
import type { Question, QueryOptions } from '../query/query.ts';
import type { AuditRecord } from '../record/schema.ts';
import type { Condition } from '../search/conditions.ts';
import { ecs } from './ecs.ts';
import type { Form } from './form.ts';
import { native, nested } from './native.ts';
import { ocsf } from './ocsf.ts';
import { otel } from './otel.ts';

export type FormName = 'native' | 'ocsf' | 'otel' | 'ecs';
const FORMS: Readonly<Record<FormName, Form>> = { native, ocsf, otel, ecs };

/**
 * The engine has nothing to hold, it only passes rows on: a million records take 300 MB in both processes, with two threads
 * 380 MB and not less time.
 */
export const EXPORT_ENGINE: Pick<QueryOptions, 'memory' | 'threads'> = { memory: 128 << 20, threads: 1 };

/** Asks for the records in the order of the log, those not sealed yet behind them: nothing has to be sorted. */
export function exportQuestion({ sql, ...rest }: Condition): Question {
  return { sql: `SELECT seq, line FROM lines WHERE ${sql}`, ...rest, lines: true };
}

/** Writes each record as a line. `isNested`: labels and extra of `native` as objects. */
export function exportSink(
  name: FormName,
  print: (text: string) => Promise<boolean>,
  { isNested }: { readonly isNested: boolean },
): ResultSink {
  const form: Form = isNested ? nested : FORMS[name];
  let last = -1;
  const written = ([seq, line, unverified]: readonly unknown[]): string => {
    if (typeof seq === 'number') {
      if (seq <= last) throw new Error(`record ${seq} came behind ${last}`);
      last = seq;
    }
    const text =
      form === native
        ? (line as string)
        : form.line(JSON.parse(line as string) as AuditRecord, seq as number | null);
    // With --allow-unverified no line passes for one that was proved.
    return typeof unverified === 'string' ? marked(text, unverified) : text;
  };
  return {
    columns: () => undefined,
    rows: rows => print(rows.map(row => `${written(row)}\n`).join('')),
    end: () => undefined,
  };
}

const marked = (text: string, unverified: string): string =>
  `${text.slice(0, -1)},"unverified":${JSON.stringify(unverified)}}`;
