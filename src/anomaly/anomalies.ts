import type { Asker } from '../query/inquiry.ts';
import { cutoff } from '../stats/discovery.ts';
import { keepEntities, type Magnitude, magnitudesTested } from './entities.ts';
import { type Candidate, FAMILIES, type Tested } from './finding.ts';
import { frameOf } from './frame.ts';
import { holesOf, keepHours } from './hours.ts';
import { requestsTested } from './requests.ts';

const MAGNITUDES: readonly Magnitude[] = [
  {
    family: 'user-requests',
    column: 'user_id',
    value: 'n',
    step: 'hour',
    unit: 'requests',
    times: 3,
    least: 30,
  },
  {
    family: 'address-requests',
    column: 'client_ip',
    value: 'n',
    step: 'hour',
    unit: 'requests',
    times: 3,
    least: 30,
  },
  {
    family: 'user-tokens',
    column: 'user_id',
    value: 'tokens',
    step: 'hour',
    unit: 'tokens',
    times: 4,
    least: 50_000,
  },
  {
    family: 'user-tokens',
    column: 'user_id',
    value: 'tokens',
    step: 'day',
    unit: 'tokens',
    times: 4,
    least: 50_000,
  },
];

export async function candidatesOf(
  asker: Asker,
  span: { since?: string; until?: string },
): Promise<readonly Tested[]> {
  const frame = await frameOf(asker, span);
  if (!frame) return [];
  await keepHours(asker);
  const holes = await holesOf(asker, frame);
  await keepEntities(asker, frame);
  const tested = [await requestsTested(asker, frame, holes)];
  for (const what of MAGNITUDES)
    if (frame.told[what.column]) tested.push(await magnitudesTested(asker, frame, what));
  return tested;
}

export function counting(tested: readonly Tested[], level: number): Candidate[] {
  const share = level / Object.keys(FAMILIES).length;
  return tested.flatMap(t => {
    const bar = cutoff(
      t.candidates.map(c => c.p),
      t.tested,
      share,
    );
    return t.candidates.filter(c => c.p <= bar);
  });
}
