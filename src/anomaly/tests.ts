import type { Asker } from '../query/inquiry.ts';
import { cutoff } from '../stats/discovery.ts';
import { keepEntities, magnitudesTested } from './entities.ts';
import { doorTested } from './door.ts';
import { failuresTested } from './failures.ts';
import { type Candidate, FAMILIES, type Family, type Tested } from './finding.ts';
import type { Frame } from './frame.ts';
import { gathered } from './gathered.ts';
import { holesOf, keepHours } from './hours.ts';
import { latencyTested } from './latency.ts';
import { withoutMoved } from './moved.ts';
import { newAddressesTested } from './novelty.ts';
import { exfiltrationTested, magnitudesOf } from './people.ts';
import { repetitionTested } from './repetition.ts';
import { requestsTested } from './requests.ts';
import { silenceTested } from './silence.ts';
import { userFailuresTested } from './refusals.ts';

/** Every test there is; keeps tables `an_*` that what comes behind may ask. */
export async function allTests(asker: Asker, frame: Frame): Promise<readonly Tested[]> {
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
  for (const what of magnitudesOf(frame)) {
    const told = await magnitudesTested(asker, frame, what);
    if (what.family !== 'address-requests') tested.push(told);
    else {
      const about = { frame, candidates: told.candidates, times: what.times };
      tested.push({ ...told, candidates: await withoutMoved(asker, about) });
    }
  }
  return tested;
}

/**
 * So many findings by chance are borne in a list of tests, such as a month of users' days, beside what counts by its share. A share
 * alone asks for p < 1e-7 among a few thousand tests, and misses half of what is ten times as much as usual (EVALUATION.md).
 */
export const BY_CHANCE = 1;

/** A family with what counts in it. */
export interface Counted {
  readonly family: Family;
  readonly tested: number;
  readonly cutoff: number;
  readonly counts: readonly Candidate[];
}

/**
 * Each family has an equal part of the level. Of all findings together no larger share is false then: the share in all is at
 * most the sum of the shares in each. What is `likely` comes on top: of these at most BY_CHANCE are to be expected by chance in each
 * list of tests, whatever is true.
 */
export function counted(tested: readonly Tested[], level: number): Counted[] {
  const part = level / Object.keys(FAMILIES).length;
  return [...gathered(tested, t => t.family)].map(([family, some]) => {
    const candidates = some.flatMap(t => t.candidates);
    const tests = some.reduce((sum, t) => sum + t.tested, 0);
    const largest = cutoff(
      candidates.map(c => c.p),
      tests,
      part,
    );
    return {
      family: family as Family,
      tested: tests,
      cutoff: largest,
      counts: some.flatMap(t =>
        t.candidates.flatMap((c): Candidate[] => {
          if (c.p <= largest) return [c];
          return c.p * t.tested <= BY_CHANCE ? [{ ...c, likely: true }] : [];
        }),
      ),
    };
  });
}
