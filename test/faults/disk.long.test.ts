import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nativeLines, Sandbox } from '../sandbox.ts';

/** File systems of the test's own: one that is too small, and one that loses power. */
const ROUNDS = process.env['SLMAUDIT_FAULTS'] === 'all' ? 30 : 1;
const BINARY = join(process.cwd(), 'bin', 'slmaudit');
const LINES = 4000;

const canMountTmpfs = spawnSync('unshare', ['-Urm', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;
const isRoot = process.getuid?.() === 0;
const canLoop =
  isRoot &&
  spawnSync('sh', ['-c', 'command -v mkfs.ext4 && command -v losetup']).status === 0 &&
  spawnSync('losetup', ['-f']).status === 0;

test(
  'a disk that is full at any moment: what was acknowledged is kept, and with more room the same command goes on',
  { skip: canMountTmpfs ? false : 'no tmpfs may be mounted here' },
  () => {
    const box = new Sandbox();
    try {
      writeFileSync(box.path('in.ndjson'), nativeLines(LINES));
      mkdirSync(box.path('disk'));
      // Room in steps, so that it runs out while lines are read, sealed, signed and committed.
      for (let round = 0; round < ROUNDS; round++) {
        const size = 200 + Math.floor((round + Math.random()) * (1600 / ROUNDS));
        const script = `
          mount -t tmpfs -o size=${size}k tmpfs ${box.path('disk')} || exit 90
          run() { ${process.execPath} ${BINARY} "$@" --store ${box.path('disk')}/store --keys ${box.path('disk')}/keys; }
          run init --no-recovery >/dev/null 2>&1 || exit 91
          run ingest --seal-records 700 ${box.path('in.ndjson')} >/dev/null 2>${box.path('err')}; first=$?
          run verify >/dev/null || exit 92
          mount -o remount,size=64m ${box.path('disk')} || exit 93
          run ingest --seal-records 700 ${box.path('in.ndjson')} >/dev/null || exit 94
          run verify --records >/dev/null || exit 95
          test "$(run query 'select count(*)::VARCHAR || chr(32) || count(distinct request_id) from records' --format csv | tail -1)" = '${LINES} ${LINES}' || exit 96
          echo $first`;
        const done = spawnSync('unshare', ['-Urm', 'sh', '-c', script], {
          encoding: 'utf8',
          env: { ...process.env, HOME: box.folder },
        });
        assert.equal(done.status, 0, `${size} kB: step ${done.status}: ${done.stderr}`);
        assert.match(done.stdout, /^[02]$/m, `${size} kB`);
      }
    } finally {
      box.remove();
    }
  },
);

test(
  'power that fails at any moment: what was acknowledged is there after the restart, once, and nothing looks altered',
  { skip: canLoop ? false : 'no loop device, or not root' },
  async () => {
    const box = new Sandbox();
    const sh = (script: string): string => {
      const done = spawnSync('sh', ['-ec', script], {
        encoding: 'utf8',
        env: { ...process.env, HOME: box.folder },
      });
      assert.equal(done.status, 0, `${script}\n${done.stderr}`);
      return done.stdout;
    };
    const [image, disk] = [box.path('image'), box.path('disk')];
    const run = (args: string): string =>
      `${process.execPath} ${BINARY} ${args} --store ${disk}/store --keys ${disk}/keys`;
    try {
      mkdirSync(disk);
      sh(
        `truncate -s 48M ${image}; mkfs.ext4 -q ${image}; mount -o loop ${image} ${disk}; ${run('init --no-recovery')} >/dev/null 2>&1; sync`,
      );
      let sent = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const { child, done, output } = box.start([
          'ingest',
          '--acks',
          '--seal-every',
          '300ms',
          '--store',
          `${disk}/store`,
          '--keys',
          `${disk}/keys`,
        ]);
        const from = sent;
        const feeding = setInterval(() => {
          child.stdin.write(nativeLines(20, sent));
          sent += 20;
        }, 15);
        await new Promise(resolve => setTimeout(resolve, 900 + Math.random() * 1500));
        clearInterval(feeding);
        // The process stands still while the image is copied; what the kernel has not written is lost with it.
        child.kill('SIGSTOP');
        const acknowledged = Number([...output().matchAll(/"acknowledged":(\d+)/g)].at(-1)?.[1] ?? 0);
        sh(`cp --sparse=always ${image} ${image}.off`);
        child.kill('SIGKILL');
        await done;
        sh(`umount ${disk}; mv ${image}.off ${image}; mount -o loop ${image} ${disk}`);
        sh(
          `${run('verify')} >/dev/null; ${run('seal')} >/dev/null 2>&1; ${run('verify --records')} >/dev/null`,
        );
        const ids = sh(
          `${run(`query "select count(*), count(distinct request_id), count(*) filter (split_part(request_id, '-', 2)::INT between ${from} and ${from + acknowledged - 1}) from records" --format csv`)} | tail -1`,
        );
        const [all, distinct, kept] = ids.trim().split(',').map(Number);
        assert.deepEqual([distinct, kept], [all, acknowledged], `round ${round}`);
      }
    } finally {
      spawnSync('umount', [disk]);
      box.remove();
    }
  },
);
