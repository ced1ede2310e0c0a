import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Which process wrote something, in words that stay true across reboots, containers and reused process ids.
 * `start` is the kernel's start time of the process (field 22 of /proc/<pid>/stat), '' where there is none.
 */
export interface Owner {
  readonly host: string;
  readonly boot: string;
  readonly pidns: string;
  readonly pid: number;
  readonly start: string;
}

export function thisProcess(): Owner {
  return {
    host: attempt(() => readFileSync('/etc/machine-id', 'utf8').trim()) || hostname(),
    boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidns: attempt(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    start: startOf(process.pid),
  };
}

/**
 * Is the owner surely gone? `unknown` where this process can't tell (another host, another pid namespace of the
 * same boot): then nothing is taken over without being told.
 */
export function stateOf(owner: Owner): 'alive' | 'dead' | 'unknown' {
  const self = thisProcess();
  if (owner.host !== self.host) return 'unknown';
  if (owner.boot !== self.boot) return 'dead';
  if (owner.pidns !== self.pidns) return 'unknown';
  const start = startOf(owner.pid);
  if (start !== '' || owner.start !== '') return start === owner.start ? 'alive' : 'dead';
  return signalled(owner.pid) ? 'alive' : 'dead';
}

export function parseOwner(value: unknown): Owner | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const o = value as Record<string, unknown>;
  const { host, boot, pidns, pid, start } = o as { [k in keyof Owner]?: unknown };
  if (typeof host !== 'string' || typeof boot !== 'string' || typeof pidns !== 'string') return undefined;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || typeof start !== 'string')
    return undefined;
  return { host, boot, pidns, pid, start };
}

function startOf(pid: number): string {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended: it writes no more, though its parent has not read its exit yet.
  if (fields[0] === 'Z' || fields[0] === 'X') return '';
  return fields[19] ?? '';
}

function signalled(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
