import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMac } from '../../src/keys/hash.ts';
import { createNormalizer } from '../../src/normalize/normalize.ts';

const MIB = 1 << 20;
const long = (unit: string): string => unit.repeat(Math.ceil((8 * MIB) / unit.length)).slice(0, 8 * MIB);

/** Beginnings that a reading of text takes for its own, with an end that never comes. */
const BEGINNINGS = [
  '',
  '192.0.2.7 - - [01/May/2026:00:00:07 +0000] "',
  '192.0.2.7 - - [01/May/2026:00:00:07 +0000] "GET / HTTP/1.1" 200 1 "-" "',
  '192.0.2.7 - ',
  '[GIN] 2026/05/01 - 00:00:07 | 200 | ',
  '[GIN] 2026/05/01 - 00:00:07 | 200 | 1s | 192.0.2.7 | POST "',
  'INFO:     192.0.2.7:1 - "POST ',
  'INFO 05-01 00:00:07 [logger.py:1] Received request ',
  '(APIServer pid=1) ',
  'srv  log_server_r: done request: POST ',
  'slot print_timing: id  0 | task 1 | ',
  'eval time = ',
  'May  1 00:00:07 web1 sshd[1]: Failed password for ',
  '2026-05-01T00:00:07Z stdout F ',
  '<34>1 2026-05-01T00:00:07Z h a p m [',
  '2026-05-01 00:00:07,000 WARN  [org.keycloak.events] (x) type="LOGIN", ',
  'data: {',
  '[{"ts":"',
  '{"log":"',
] as const;
const UNITS = ['a', ' ', '"', '\\', '\\"', 'a=b, ', '[', '{', ':', '1', 'a ', '| ', '/'] as const;

test('a hostile line of 8 MiB takes no reading longer than reading it should take, and is told what it is', () => {
  const normalizer = createNormalizer({
    mac: createMac(Buffer.alloc(32, 9)),
    hashAlg: 'hmac-sha256:0a1b2c3d:c1',
    sourceId: 'gw',
    stream: 's',
    arrival: () => '2026-05-01T00:00:07.000000Z',
  });
  for (const beginning of BEGINNINGS) {
    for (const unit of UNITS) {
      const raw = Buffer.from(beginning + long(unit), 'utf8');
      const began = performance.now();
      const outcome = normalizer.line(raw, 1);
      const ms = performance.now() - began;
      const about = `${beginning}${unit.repeat(3)}...: ${Math.round(ms)} ms`;
      assert.ok(ms < 20_000, about);
      assert.ok(!('reject' in outcome) || outcome.reject !== 'unreadable', about);
    }
  }
});
