import { AuditError } from '../errors.ts';
import { nearest } from '../record/nearest.ts';
import { VIEW_NAMES } from '../record/schema.ts';

/** What the engine said of a query, for people: the place it points at, and the nearest names. */
export function sqlError(error: unknown, parameters: Readonly<Record<string, string>> = {}): AuditError {
  const text = error instanceof Error ? error.message : String(error);
  const [said = text] = text.split('\n\n', 1);
  const place = /\nLINE \d+: [^\n]*\n *\^/.exec(text)?.[0] ?? '';
  const column = /Referenced column "([^"]*)" (?:was )?not found|does not have a column named "([^"]*)"/.exec(
    said,
  );
  const name = column?.[1] ?? column?.[2];
  if (name !== undefined) return noSuchColumn(name, place);
  if (/Out of Memory/i.test(said))
    return new AuditError(
      'QUERY_MEMORY',
      `the query needs more memory than it may have: ${said.split('\n')[0]!}`,
      {
        hint: 'ask for fewer columns or a shorter span, or raise --memory',
      },
    );
  // Of a file, it is not the question's: no other is read as JSON.
  if (said.startsWith('Invalid Input Error: Malformed JSON in file '))
    return new AuditError(
      'OPEN_MALFORMED',
      'an open segment holds what no writer of records wrote: nothing can be asked while it lies there',
      {
        hint: 'run `slmaudit seal`, which names the one that can not be sealed; look at it in the folder open of the store, and move it away',
      },
    );
  const strange = /Could not convert string '(.*)' to/.exec(said)?.[1];
  const given = Object.keys(parameters).find(n => parameters[n] === strange);
  const helpful = said
    .split('\n')
    .filter(line => !/^(?:Candidate|Possible solutions|\* )/.test(line))
    .join('\n');
  return new AuditError('SQL_ERROR', `${helpful}${place}`, {
    ...(given !== undefined && { hint: `that is what --param ${given} says` }),
  });
}

export function tookTooLong(): AuditError {
  return new AuditError('QUERY_TIMEOUT', 'the query took longer than it may', {
    hint: 'ask for a shorter span with --since and --until, or raise --timeout',
  });
}

/** `place`: the line of the SQL, and what points into it. */
export function noSuchColumn(name: string, place = ''): AuditError {
  const near = nearest(name, NAMES);
  return new AuditError('SQL_ERROR', `there is no column ${JSON.stringify(name)}${place}`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}? \`slmaudit query "describe records"\` lists all`
        : '`slmaudit query "describe records"` lists the columns',
  });
}

const NAMES = [...VIEW_NAMES, 'join_by', 'join_confidence'];
