import type { Progress } from '../duck/job.ts';
import type { Context } from './command.ts';
import { counted, humanBytes } from './values.ts';

/** What goes on, for whoever waits longer than a second. */
export function showProgress(
  { voice }: Context,
  answered: { readonly count: number },
): { readonly heard: (progress: Progress) => void; readonly end: () => void } {
  let latest: Progress | undefined;
  const began = performance.now();
  const clock = setInterval(() => {
    if (performance.now() - began < 1000) return;
    const seconds = `${((performance.now() - began) / 1000).toFixed(0)} s`;
    if (answered.count > 0) voice.progress(`${counted(answered.count, 'row')}, ${seconds}`);
    else if (latest?.phase === 'checking') {
      const read = latest.bytes > 0 ? `, ${humanBytes(latest.bytes)} read` : '';
      voice.progress(`checking payloads: ${latest.files} of ${latest.of}${read}, ${seconds}`);
    } else if (latest?.phase === 'querying') {
      const done = latest.bytes > 0 ? `: ${latest.percent.toFixed(0)} % of ${humanBytes(latest.bytes)}` : '';
      voice.progress(`querying${done}, ${seconds}`);
    }
  }, 200);
  return {
    heard: progress => {
      latest = progress;
    },
    end: () => {
      clearInterval(clock);
      voice.clear();
    },
  };
}
