/** What regular expressions of Sigma have and RE2, which answers in linear time, has not. */
export interface RegexProblem {
  readonly code: 'LOOKAROUND' | 'BACKREFERENCE' | 'UNSUPPORTED_REGEX';
  readonly message: string;
}

/** RE2's own bound. */
const MOST_REPEATS = 1000;
const ESCAPES = 'dDwWsSbBAzafnrtvpPxQECN';

/**
 * The pattern as RE2 takes it, or why it can't. `(?<n>` and `\u0041` are spelled RE2's way; nothing else is changed. What only RE2
 * itself could refuse (such as a class of Unicode that isn't there) is found where the rule is tried.
 */
export function toRe2(pattern: string): { readonly sql: string } | RegexProblem {
  let out = '';
  let open = 0;
  let repeatable = false;
  for (let i = 0; i < pattern.length;) {
    const rest = pattern.slice(i);
    if (rest[0] === '\\') {
      const quoted = /^\\Q[\s\S]*?(?:\\E|$)/.exec(rest)?.[0];
      const taken = quoted ?? escapeIn(rest);
      if (typeof taken !== 'string') return taken;
      out += taken.startsWith('\\u') ? `\\x{${taken.slice(2).replaceAll(/[{}]/g, '')}}` : taken;
      i += taken.length;
      repeatable = true;
      continue;
    }
    if (rest[0] === '[') {
      const taken = classIn(rest);
      if (typeof taken !== 'string') return taken;
      out += taken.replaceAll(/\\u([0-9a-fA-F]{4})/g, '\\x{$1}');
      i += taken.length;
      repeatable = true;
      continue;
    }
    if (rest.startsWith('(?')) {
      const group = groupIn(rest);
      if (typeof group !== 'object' || 'code' in group) return group;
      out += group.spelled;
      i += group.taken;
      if (group.opens) open++;
      repeatable = false;
      continue;
    }
    const repeat = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(rest)?.[0];
    if (repeat !== undefined) {
      if (!repeatable) return unsupported(`nothing stands before ${repeat}`);
      const behind = rest.slice(repeat.length);
      if (behind.startsWith('+')) return unsupported(`${repeat}+, which never goes back,`);
      const most = Math.max(...(repeat.match(/\d+/g) ?? ['0']).map(Number));
      if (most > MOST_REPEATS) return unsupported(`${repeat}, more than ${MOST_REPEATS} times,`);
      out += repeat + (behind.startsWith('?') ? '?' : '');
      i += repeat.length + (behind.startsWith('?') ? 1 : 0);
      repeatable = false;
      continue;
    }
    if (rest[0] === '(') open++;
    if (rest[0] === ')' && --open < 0) return unsupported('a ) that closes nothing');
    out += rest[0]!;
    i++;
    repeatable = !['(', '|'].includes(rest[0]!);
  }
  return open === 0 ? { sql: out } : unsupported('a ( that is not closed');
}

function groupIn(rest: string): { spelled: string; taken: number; opens: boolean } | RegexProblem {
  const around = /^\(\?(<?[=!])/.exec(rest)?.[1];
  if (around !== undefined)
    return {
      code: 'LOOKAROUND',
      message: `(?${around} looks ${around.startsWith('<') ? 'behind' : 'ahead'}, which can't be done in linear time; say it with another search and not`,
    };
  const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest);
  if (named) return { spelled: `(?P<${named[1]}>`, taken: named[0].length, opens: true };
  const flags = /^\(\?([imsU]*(?:-[imsU]+)?)([:)])/.exec(rest);
  if (flags) return { spelled: flags[0], taken: flags[0].length, opens: flags[2] === ':' };
  return unsupported(`${rest.slice(0, 4)} `.trimEnd());
}

function escapeIn(rest: string): string | RegexProblem {
  const escape = rest[1];
  if (escape === undefined) return unsupported('a \\ at its end');
  if (/[1-9]/.test(escape) || /^\\k[<{']/.test(rest))
    return {
      code: 'BACKREFERENCE',
      message: `${/^\\(?:\d+|k.)/.exec(rest)![0]} repeats what matched before, which can't be done in linear time`,
    };
  const long =
    /^\\(?:x[0-9a-fA-F]{2}|x\{[0-9a-fA-F]{1,6}\}|[pP](?:[A-Z]|\{\^?[A-Za-z_]+\})|u[0-9a-fA-F]{4}|0[0-7]{0,2})/.exec(
      rest,
    )?.[0];
  if (long !== undefined) return long;
  if (/[A-Za-z0-9]/.test(escape) && (!ESCAPES.includes(escape) || 'xpPuN'.includes(escape)))
    return unsupported(`\\${escape}`);
  return `\\${String.fromCodePoint(rest.codePointAt(1)!)}`;
}

/** `[...]` up to its end. */
function classIn(rest: string): string | RegexProblem {
  let i = rest[1] === '^' ? 2 : 1;
  let first = true;
  for (; i < rest.length; first = false) {
    if (rest[i] === ']' && !first) return rest.slice(0, i + 1);
    const posix = /^\[:\^?[a-z]+:\]/.exec(rest.slice(i))?.[0];
    const taken = posix ?? (rest[i] === '\\' ? escapeIn(rest.slice(i)) : rest[i]!);
    if (typeof taken !== 'string') return taken;
    if (/^\\[bBAzQEC]$/.test(taken)) return unsupported(`${taken} within [ ]`);
    i += taken.length;
    if (/^\\[dDwWsSpP]/.test(taken) && rest[i] === '-' && rest[i + 1] !== ']')
      return unsupported(`a range from ${taken}`);
    if (rest[i] === '-' && /^\\[dDwWsSpP]/.test(rest.slice(i + 1)))
      return unsupported(`a range to ${rest.slice(i + 1, i + 3)}`);
  }
  return unsupported('a [ that is not closed');
}

const unsupported = (what: string): RegexProblem => ({
  code: 'UNSUPPORTED_REGEX',
  message: `${what} is nothing that RE2 reads`,
});

/** How the engine begins to tell what RE2 refuses. */
const REFUSED =
  /^(?:[\w ]+ Error: )*((?:invalid|missing|bad|unexpected|no argument|trailing|pattern too) .*)$/s;

/** What the engine says of a rule; of a regular expression, that it is one. */
export function engineSaid({ code, message }: { readonly code: string; readonly message: string }): {
  readonly code: string;
  readonly message: string;
} {
  const why = REFUSED.exec(message)?.[1];
  return why === undefined ? { code, message } : { code: 'REGEX', message: `RE2 can't read it: ${why}` };
}
