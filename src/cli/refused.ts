import { nearest } from '../record/nearest.ts';

/** What the parser has refused, in our words: what was wrong, what is right, and what was meant. Anything else stays as it is. */
export function refusal(said: string): string {
  for (const [form, words] of FORMS) {
    const found = form.exec(said);
    if (found) return words(...found.slice(1));
  }
  return said;
}

const FORMS: readonly (readonly [RegExp, (...parts: string[]) => string])[] = [
  [
    /^option '(?:-\w, )?(--\S+).*' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/s,
    (option, value, choices) => {
      const [near] = nearest(value, choices.split(', '));
      return `${option} is one of ${choices}, not "${value}"${near === undefined ? '' : `; did you mean ${near}?`}`;
    },
  ],
  [
    /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)\.$/,
    (verb, most, got) => `${verb} takes ${most === '0' ? 'no argument' : `${most} at most`}, not ${got}`,
  ],
  [/^option '(.*)' argument missing$/, option => `${option} has no value`],
];
