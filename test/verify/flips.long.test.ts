import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPin } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/store.ts';
import { openToVerify } from '../../src/verify/opened.ts';
import { verify } from '../../src/verify/verify.ts';
import { nativeLines, withStore } from '../sandbox.ts';

/** Every byte and every length with SLMAUDIT_FLIPS=all (npm run test:faults), one in 50 otherwise. */
const STEP = process.env['SLMAUDIT_FLIPS'] === 'all' ? 1 : 50;

test(`each byte of a small store flipped, each file cut at each length (one in ${STEP}): a finding every time, and never more than that`, () =>
  withStore(async box => {
    assert.equal((await box.run(['ingest'], nativeLines(3))).code, 0);
    assert.equal((await box.run(['ingest'], `no json\n${nativeLines(2, 10)}`)).code, 3);
    const pin = readPin(openStore(box.store, box.keys).keys)!;
    const none = box.path('no-keys');
    const codes = async (): Promise<string[]> => {
      const store = openToVerify(box.store, none);
      return 'code' in store
        ? [store.code]
        : (await verify(store, { records: false, pin })).findings.map(f => f.code);
    };
    assert.deepEqual(await codes(), []);

    let [bytes, flips, cuts, at] = [0, 0, 0, 0];
    const files = box.files();
    for (const file of files) {
      const path = join(box.store, file);
      const whole = readFileSync(path);
      bytes += whole.length;
      for (let i = 0; i < whole.length; i++) {
        if (at++ % STEP !== 0) continue;
        const changed = Buffer.from(whole);
        changed[i]! ^= 1 << (i & 7);
        writeFileSync(path, changed);
        assert.notDeepEqual(await codes(), [], `${file}: byte ${i} flipped went unseen`);
        writeFileSync(path, whole.subarray(0, i));
        assert.notDeepEqual(await codes(), [], `${file}: cut to ${i} bytes went unseen`);
        flips++;
        cuts++;
      }
      rmSync(path);
      assert.notDeepEqual(await codes(), [], `${file} missing went unseen`);
      writeFileSync(path, whole);
    }
    assert.deepEqual(await codes(), []);
    assert.ok(bytes < 40_000 && flips >= bytes / STEP - 1, `${bytes} bytes`);
    const peak = process.resourceUsage().maxRSS / 1024;
    assert.ok(peak < 300, `${peak} MB`);
    process.stdout.write(
      `${files.length} files, ${bytes} bytes: ${flips} flips and ${cuts} cuts found; peak ${Math.round(peak)} MB\n`,
    );
  }));
