import { spawn } from 'node:child_process';
import { secondsOf, type Answered } from './deliver.ts';

/** Of what a command says when it fails. */
const MOST_SAID = 200;
/** As a shell says them: no such command, and one that can't be run. */
const NO_COMMAND = new Set<unknown>([126, 127]);

/**
 * Runs a command of the operator's in a shell, with the event on its standard input: nothing that came from a log is ever read by the
 * shell. Exit code 0 accepts it.
 */
export function runCommand(
  command: string,
  event: string,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<Answered> {
  return new Promise(resolve => {
    // A group of its own: what the command has started ends with it.
    const child = spawn('/bin/sh', ['-c', command], { detached: true, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    let late: string | undefined;
    const kill = (why: string): void => {
      late = why;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
      // What left the group may hold the pipe open.
      child.stderr.destroy();
    };
    const timer = setTimeout(() => kill(`it took longer than ${secondsOf(withinMs)}`), withinMs);
    const stop = (): void => kill('interrupted');
    signal?.addEventListener('abort', stop, { once: true });
    const done = (answered: Answered): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve(answered);
    };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MOST_SAID)));
    // A command need not read all of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${event}\n`);
    child.on('error', error => done({ is: 'refused', why: error.message, again: true }));
    child.on('close', (code, killed) => {
      if (code === 0 && late === undefined) return done({ is: 'accepted' });
      const how = late ?? (code === null ? `ended by ${killed}` : `exit code ${code}`);
      const words = said.trim().split('\n', 1)[0]!;
      done({
        is: 'refused',
        why: words === '' ? how : `${how}: ${words}`,
        again: !NO_COMMAND.has(code ?? 0),
      });
    });
  });
}
