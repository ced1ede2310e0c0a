import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  formatFrame,
  type Frame,
  headerFrame,
  markFrame,
  parseFrame,
  recordFrame,
  rejectFrame,
  sourceFrame,
  writeFrame,
} from '../../src/store/frame.ts';
import { createOpenSegment, readHeader, walkFrames } from '../../src/store/open.ts';
import { thisProcess } from '../../src/store/owner.ts';

const NONE = { blank: 0, not_a_request: 0, part: 0 };

const folder = mkdtempSync(join(tmpdir(), 'slmaudit-open-'));
after(() => rmSync(folder, { recursive: true }));

const header = {
  form: 'slmaudit-open/2',
  origin: 'test.example/log',
  batch: '0'.repeat(32),
  since: 1,
  at: '2026-05-01T00:00:00.000000Z',
  owner: thisProcess(),
  key: '01234567',
  mac: 'ef'.repeat(32),
} as const;
const about = { name: 'naïve "name"\n', stream: 'ab'.repeat(16), kind: 'file', from: 0 } as const;
const FRAMES = [
  headerFrame(header),
  sourceFrame(0, about),
  ...Array.from({ length: 20 }, (_, i) => recordFrame(0, i * 10, `{"ts":"é${'x'.repeat(i * 7)}"}`)),
  rejectFrame(0, 300, '{"reason":"not_json"}'),
  markFrame(0, 300, { ...NONE, read: 21, digest: 'cd'.repeat(32) }),
];
const BYTES = Buffer.from(FRAMES.join(''));

function walked(bytes: Buffer): { kinds: string; damaged: number; torn: number } {
  const path = join(folder, 'segment');
  writeFileSync(path, bytes);
  const frames: Frame[] = [];
  const end = walkFrames(path, frame => frames.push(frame))!;
  return { kinds: frames.map(f => f.kind.slice(0, 3)).join(' '), ...end };
}

const whole = walked(BYTES).kinds;

test('every kind of frame is read as it was written, and is a line of JSON to anyone', () => {
  assert.deepEqual(walked(BYTES), { kinds: whole, damaged: 0, torn: 0 });
  assert.deepEqual(parseFrame(Buffer.from(FRAMES[1]!.trimEnd())), { kind: 'source', source: 0, about });
  for (const frame of FRAMES) assert.equal(typeof JSON.parse(frame), 'object');
  assert.deepEqual(readHeader(join(folder, 'segment')), header);
});

test('a frame written into a buffer is the frame as text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const rest = `"s":0,"o":1,"r":${JSON.stringify(text)}}`;
      const out = Buffer.alloc(rest.length * 3 + 40);
      assert.equal(out.toString('utf8', 5, writeFrame(out, 5, rest)), formatFrame(rest));
    }),
  );
});

test('a segment that is cut anywhere keeps every frame before the cut; the last is torn, never damage', () => {
  for (let cut = 1; cut < BYTES.length; cut += 13) {
    const { kinds, damaged } = walked(BYTES.subarray(0, cut));
    assert.ok(whole.startsWith(kinds));
    assert.equal(damaged, 0, `cut at ${cut}`);
  }
});

test('a flipped bit costs one frame, or two where it was their line feed, and is counted', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 7 }), (n, bit) => {
      const bytes = Buffer.from(BYTES);
      // The line feed before the last frame makes two of them one, which is torn rather than damaged.
      const last = FRAMES.at(-1)!.length + 1;
      bytes[n % (bytes.length - last)]! ^= 1 << bit;
      const { kinds, damaged } = walked(bytes);
      const lost = FRAMES.length - kinds.split(' ').length;
      assert.ok(lost >= 1 && lost <= 2, `${lost} frames lost`);
      assert.ok(damaged >= 1 && damaged <= 2);
    }),
  );
});

test('what was synced is there; a file that was taken away stops its writer', async () => {
  const path = join(folder, 'taken.open');
  const open = createOpenSegment(path, header);
  open.add(FRAMES[1]!);
  await open.sync();
  assert.equal(readFileSync(path, 'utf8'), FRAMES[0]! + FRAMES[1]!);
  rmSync(path);
  open.add(FRAMES[2]!);
  await assert.rejects(open.sync(), { code: 'OPEN_TAKEN' });
  open.close();
});
