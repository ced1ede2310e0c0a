import { addressKey } from '../record/address.ts';
import { type Candidate, type EntityColumn, type Family, HOUR_US } from './finding.ts';

/** Hours of one kind no further apart than that are one finding. */
const APART = 3 * HOUR_US;

/** Candidates of one family and entity that follow one another, as one: it says what its most unlikely part says. */
export interface Merged extends Candidate {
  /** How many tests it stands for. */
  readonly tests: number;
}

export function merged(candidates: readonly Candidate[]): Merged[] {
  const open = new Map<string, Merged>();
  const done: Merged[] = [];
  for (const candidate of candidates.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    // A day and an hour of the same are not merged: each says its own.
    const length = candidate.to - candidate.from > 6 * HOUR_US ? 'day' : 'hour';
    const isMore = candidate.seen >= candidate.expected;
    const key = JSON.stringify([candidate.family, length, isMore, entityKey(candidate)]);
    const before = open.get(key);
    if (before && candidate.from - before.to <= APART) {
      const peak = candidate.p < before.p ? candidate : before;
      open.set(key, {
        ...peak,
        from: before.from,
        to: Math.max(before.to, candidate.to),
        tests: before.tests + 1,
      });
      continue;
    }
    if (before) done.push(before);
    open.set(key, { ...candidate, tests: 1 });
  }
  return [...done, ...open.values()].sort((a, b) => a.from - b.from || order(a.family) - order(b.family));
}

export const entityKey = ({ entity }: Pick<Candidate, 'entity'>): string =>
  JSON.stringify(Object.entries(entity).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Which of several that belong together says most of what happened. */
const ORDER: readonly Family[] = [
  'silence',
  'door',
  'repetition',
  'failures',
  'new-address',
  'latency',
  'exfiltration',
  'user-requests',
  'user-tokens',
  'address-requests',
  'user-failures',
  'requests',
];

/** Where all is silent, each part is too. */
const whole = (a: Candidate, b: Candidate): number => (isLess(a) && isLess(b) ? named(a) - named(b) : 0);

/** Of a model and its version, the version says more. */
const named = ({ entity }: Candidate): number => Object.keys(entity).length;

const rank = (f: Candidate): number => order(f.family) + (f.minor === true ? ORDER.length : 0);

const order = (family: Family): number => ORDER.indexOf(family);

/** Whose share of a finding is at least half: the value, by column. */
export type Owners = Readonly<Partial<Record<EntityColumn, string>>>;

/** Findings that overlap in time and are about the same: each group in the order of `ORDER`. */
export function together<T extends Merged & { readonly owners: Owners }>(findings: readonly T[]): T[][] {
  const parent = findings.map((_, i) => i);
  const root = (i: number): number => (parent[i] === i ? i : (parent[i] = root(parent[i]!)));
  for (const [i, a] of findings.entries())
    for (const [j, b] of findings.entries())
      if (i < j && a.from < b.to + HOUR_US && b.from < a.to + HOUR_US && isAlike(a, b))
        parent[root(j)] = root(i);
  const groups = new Map<number, T[]>();
  for (const [i, finding] of findings.entries()) {
    const group = groups.get(root(i));
    if (group) group.push(finding);
    else groups.set(root(i), [finding]);
  }
  return [...groups.values()].map(group =>
    group.toSorted(
      (a, b) => rank(a) - rank(b) || whole(a, b) || a.p - b.p || named(b) - named(a) || a.from - b.from,
    ),
  );
}

const isLess = (f: Candidate): boolean => f.family === 'silence' || f.seen < f.expected;

function isAlike(a: Merged & { readonly owners: Owners }, b: Merged & { readonly owners: Owners }): boolean {
  if (isLess(a) || isLess(b))
    return isLess(a) && isLess(b) && (isWhole(a) || isWhole(b) || shares(a.entity, b.entity));
  const [one, other] = [
    { ...a.owners, ...a.entity },
    { ...b.owners, ...b.entity },
  ];
  if (one.user_id !== undefined && one.user_id === other.user_id) return true;
  if (one.client_ip !== undefined && one.client_ip === other.client_ip) return true;
  if (a.family === 'door' && b.family === 'door' && isNear(one.client_ip, other.client_ip)) return true;
  // What is of no user or address of its own: of the whole or of a model.
  const broad = [a, b].every(f => f.entity.user_id === undefined && f.entity.client_ip === undefined);
  // More requests of a model that fails or is slow at that time are the same trouble.
  if (broad && a.entity.model !== undefined && a.entity.model === b.entity.model) return true;
  if (!broad || a.family !== b.family) return false;
  // What models share, a machine or a network, makes all of them slow or failing at once.
  if (a.family === 'latency' || a.family === 'failures') return true;
  return isWhole(a) || isWhole(b);
}

const isWhole = ({ entity }: Candidate): boolean => Object.keys(entity).length === 0;

function shares(a: Owners, b: Owners): boolean {
  return Object.entries(a).some(([column, value]) => b[column as EntityColumn] === value);
}

/** The same /24, or the same /64 of IPv6. A hashed address is near none. */
function isNear(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const network = networkOf(a);
  return network !== undefined && network === networkOf(b);
}

const networkOf = (ip: string): string | undefined => {
  const key = addressKey(ip);
  return key?.slice(0, 1 + (key.startsWith('4') ? 24 : 64) / 4);
};
