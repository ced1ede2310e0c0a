import type { Asker } from '../query/inquiry.ts';
import { cutoff } from '../stats/discovery.ts';
import { keepEntities, magnitudesTested } from './entities.ts';
import { failuresTested } from './failures.ts';
import { type Candidate, FAMILIES, type Tested } from './finding.ts';
import { frameOf } from './frame.ts';
import { holesOf, keepHours } from './hours.ts';
import { latencyTested } from './latency.ts';
import { newAddressesTested } from './novelty.ts';
import {
  doorTested,
  exfiltrationTested,
  magnitudesOf,
  repetitionTested,
  userFailuresTested,
} from './people.ts';
import { requestsTested } from './requests.ts';
import { silenceTested } from './silence.ts';

export async function candidatesOf(
  asker: Asker,
  span: { since?: string; until?: string },
): Promise<readonly Tested[]> {
  const frame = await frameOf(asker, span);
  if (!frame) return [];
  await keepHours(asker);
  const holes = await holesOf(asker, frame);
  await keepEntities(asker, frame);
  const tested = [
    await requestsTested(asker, frame, holes),
    await silenceTested(asker, frame, holes),
    await failuresTested(asker, frame),
    await latencyTested(asker, frame),
    await newAddressesTested(asker, frame),
    await repetitionTested(asker, frame),
    ...(await doorTested(asker, frame)),
    await exfiltrationTested(asker, frame),
    await userFailuresTested(asker, frame),
  ];
  for (const what of magnitudesOf(frame)) tested.push(await magnitudesTested(asker, frame, what));
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
