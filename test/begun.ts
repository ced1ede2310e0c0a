import { readFileSync, writeFileSync } from 'node:fs';
import { type Begun, headerFrame, type OpenHeader } from '../src/store/frame.ts';
import { readRecordKey } from '../src/store/keys.ts';
import { headerUnder } from '../src/store/open.ts';
import { thisProcess } from '../src/store/owner.ts';
import { openStore } from '../src/store/store.ts';

/** Where a store and its keys are: a sandbox, or a copy of one. */
export interface Place {
  readonly store: string;
  readonly keys: string;
}

/** The header of an open segment of a writer of that store, who is gone. */
export function begunIn({ store, keys }: Place, change: Partial<Begun> & Pick<Begun, 'batch'>): OpenHeader {
  return headerUnder(readRecordKey(openStore(store, keys).keys), {
    form: 'slmaudit-open/2',
    origin: 'test.example/log',
    since: 1,
    at: '2026-05-01T00:00:00.000000Z',
    owner: { ...thisProcess(), boot: 'before' },
    ...change,
  });
}

/** Another owner in the header of an open segment, as its writer would have said it. */
export function withOwner(place: Place, path: string, change: Partial<OpenHeader['owner']>): void {
  const [first, ...rest] = readFileSync(path, 'utf8').split('\n');
  const { h } = JSON.parse(first!) as { h: OpenHeader };
  writeFileSync(
    path,
    headerFrame(begunIn(place, { ...h, owner: { ...h.owner, ...change } })) + rest.join('\n'),
  );
}
