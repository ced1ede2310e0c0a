import { parseEntry } from '../src/log/entry.ts';
import { parseSegment, type Segment } from '../src/log/segment.ts';
import { parseNote } from '../src/note/note.ts';
import type { Layout } from '../src/store/layout.ts';
import { readCheckpoint, readEntries } from '../src/store/log.ts';

/** The manifests of a log, with all that they state. */
export const manifestsIn = (at: Layout): Segment[] =>
  [...readEntries(at, 0, readCheckpoint(at).size)]
    .map(note => parseEntry(parseNote(note).text))
    .filter(entry => entry.kind === 'segment')
    .map(parseSegment);
