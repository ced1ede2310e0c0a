import stringWidth from 'string-width';

/**
 * A line in as many as fit `width`, behind `indent` places (the first one too, if `all`). Broken between words; a word that is wider is
 * broken anywhere: nothing is left out.
 */
export function wrapped(line: string, width: number | undefined, indent: number, all: boolean): string {
  const space = ' '.repeat(indent);
  const whole = `${all ? space : ''}${line}`;
  if (width === undefined || stringWidth(whole) <= width) return whole;
  const lines: string[] = [];
  let now = all ? space : '';
  let isNew = true;
  const next = (): void => {
    lines.push(now.trimEnd());
    now = space;
    isNew = true;
  };
  for (const word of line.split(/(?<= )(?=[^ ])/)) {
    if (!isNew && stringWidth(now + word.trimEnd()) > width) next();
    for (const sign of word) {
      if (sign !== ' ' && stringWidth(now + sign) > width && now !== space) next();
      now += sign;
      isNew = false;
    }
  }
  return [...lines, now.trimEnd()].join('\n');
}
