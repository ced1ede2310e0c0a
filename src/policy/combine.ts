import { DEFAULT_CLASS, LEAST_GRACE, type Policy, type RetentionClass } from '../log/policy.ts';
import type { Preset } from './presets.ts';

/** What was asked for; a class has the presets' values where it states none. */
export interface Wish {
  readonly presets: readonly Preset[];
  readonly classes: readonly ClassWish[];
  readonly rules: Policy['rules'];
  readonly grace?: number;
  readonly redactAny: boolean;
  readonly retroactive: boolean;
}

export interface ClassWish {
  readonly name: string;
  readonly min?: number;
  /** none: nothing must be deleted, though a preset says so. */
  readonly max?: number | 'none';
  readonly age?: RetentionClass['age'];
  readonly review?: string;
  readonly basis?: readonly string[];
}

export interface Combined {
  readonly policy: Policy;
  /** Where a class goes against a preset, because its own values say so. */
  readonly notes: readonly string[];
}

/**
 * The greatest minimum and the least maximum of the presets, for every class that doesn't say otherwise. `fail` is told the
 * class that can not be; it knows its line.
 */
export function combine(wish: Wish, fail: (what: string, name: string) => never): Combined {
  const stated = wish.classes.some(c => c.name === DEFAULT_CLASS)
    ? wish.classes
    : [{ name: DEFAULT_CLASS }, ...wish.classes];
  const notes: string[] = [];
  const classes = stated.map(c => classFrom(c, wish.presets, what => fail(what, c.name), notes));
  const { rules, redactAny, retroactive } = wish;
  const presets = wish.presets.map(({ name, date }) => ({ name, date }));
  return {
    policy: { presets, classes, rules, grace: wish.grace ?? LEAST_GRACE, redactAny, retroactive },
    notes,
  };
}

function classFrom(
  own: ClassWish,
  presets: readonly Preset[],
  fail: (what: string) => never,
  notes: string[],
): RetentionClass {
  const { name } = own;
  const asking = presets.find(p => p.asks !== undefined);
  if (asking && own.min === undefined)
    return fail(
      `preset ${asking.name} states no period: class ${name} needs a min of its own, such as min: 5y`,
    );
  const longest = presets.reduce<Preset | undefined>(
    (best, p) => ((p.min ?? -1) > (best?.min ?? -1) ? p : best),
    undefined,
  );
  const shortest = presets.reduce<Preset | undefined>(
    (best, p) => ((p.max ?? Infinity) < (best?.max ?? Infinity) ? p : best),
    undefined,
  );
  const max = own.max === 'none' ? undefined : (own.max ?? shortest?.max);
  const min = own.min ?? longest?.min ?? (max === undefined ? undefined : 0);
  if (min === undefined)
    return fail(`class ${name} needs a min, such as min: 184d: for so long nothing of it is deleted`);
  if (max !== undefined && max < min)
    return fail(
      `class ${name} is to be kept ${min} days at least (${said(own.min, own, longest)}) and ${max} at most (${said(own.max, own, shortest)}): no log can do both`,
    );
  if (own.min !== undefined && own.min < (longest?.min ?? 0))
    notes.push(
      `class ${name} is kept ${own.min} days at least, as the file says; ${longest!.name} has ${longest!.min} (${longest!.basis})`,
    );
  if (own.max !== undefined && (max ?? Infinity) > (shortest?.max ?? Infinity))
    notes.push(
      `class ${name} is kept ${max === undefined ? 'without a maximum' : `${max} days at most`}, as the file says; ${shortest!.name} has ${shortest!.max} (${shortest!.basis})`,
    );
  const counts = presets.filter(
    p =>
      p.asks !== undefined ||
      (p.min !== undefined && own.min === undefined) ||
      (p.max !== undefined && own.max === undefined),
  );
  const review = own.review ?? counts.map(p => p.review).toSorted((a, b) => (a < b ? -1 : 1))[0];
  return {
    name,
    min,
    ...(max !== undefined && { max }),
    age: own.age ?? 'sealed',
    ...(review !== undefined && { review }),
    basis: [...new Set([...(own.basis ?? []), ...counts.map(p => p.basis)])],
  };
}

/** On what a bound rests. */
function said(stated: number | 'none' | undefined, { basis }: ClassWish, preset: Preset | undefined): string {
  if (stated === undefined && preset) return `${preset.name}, ${preset.basis}`;
  return basis && basis.length > 0 ? `its own, ${basis.join(', ')}` : 'its own';
}
