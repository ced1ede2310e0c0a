import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PAYLOAD_COLUMNS } from '../src/duck/lines.ts';
import { checkpointSignedBy, parseCheckpoint } from '../src/log/checkpoint.ts';
import { entryHash, parseEntry } from '../src/log/entry.ts';
import { parseGenesis } from '../src/log/genesis.ts';
import { parsePin } from '../src/log/pin.ts';
import { parseSegment } from '../src/log/segment.ts';
import { leafHash, rootOf } from '../src/merkle/tree.ts';
import { noteSignedBy, parseNote } from '../src/note/note.ts';
import { COLUMNS } from '../src/record/schema.ts';

const SPEC = readFileSync('SPEC.md', 'utf8');
const blocks = (kind: string): string[] =>
  [...SPEC.matchAll(new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(m => m[1]!);

test('the log that SPEC.md shows is a real one: pin, genesis, manifest, records and checkpoint fit together', () => {
  const [manifest, checkpoint, genesis] = blocks('note') as [string, string, string];
  const pin = parsePin(blocks('pin')[0]!);
  assert.ok(pin.genesis.equals(entryHash(Buffer.from(genesis))));
  assert.ok(checkpointSignedBy(checkpoint, pin.logKey));
  const notes = [genesis, manifest].map(n => Buffer.from(n));
  assert.ok(parseCheckpoint(checkpoint).root.equals(rootOf(notes.map(leafHash))));
  const [first, second] = notes.map(n => parseEntry(parseNote(n).text));
  assert.ok(noteSignedBy(parseNote(genesis), parseGenesis(first!).epochKey));
  assert.ok(noteSignedBy(parseNote(manifest), first!.next!));
  assert.ok(second!.prev!.equals(entryHash(notes[0]!)));
  const lines = blocks('ndjson')[0]!.trimEnd().split('\n');
  assert.equal(parseSegment(second!).sources[0]!.name, 'gateway.ndjson');
  assert.deepEqual(
    [second!.records!.count, second!.records!.root],
    [lines.length, rootOf(lines.map(l => leafHash(Buffer.from(l))))],
  );
});

test('the columns in SPEC.md are those of the table in the code', () => {
  const types = new Map(PAYLOAD_COLUMNS.map(c => [c.name, c.type]));
  const rows = COLUMNS.map(
    c => `| \`${c.name}\` | ${types.get(c.name)} | ${c.always ? 'yes' : ''} | ${c.about} |`,
  );
  const found = SPEC.split('\n').filter(l => /^\| `[a-z_]+` \| [A-Z]/.test(l));
  assert.deepEqual(found.map(squeezed), rows.map(squeezed));
});

const squeezed = (row: string): string => row.replaceAll(/ +/g, ' ');
