import { readCheckpoint } from './log.ts';
import type { Layout } from './layout.ts';

const ATTEMPTS = 5;

/**
 * Reads a store beside its writers: tries again where what failed may come of their having joined or deleted, since the checkpoint was
 * read, what then lies elsewhere. `isMoved`: may this error?
 */
export async function whileMoving<T>(
  at: Layout,
  work: () => Promise<T>,
  isMoved: (error: unknown) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const before = readCheckpoint(at).note;
    try {
      return await work();
    } catch (error) {
      if (!isMoved(error) || readCheckpoint(at).note.equals(before) || attempt === ATTEMPTS) throw error;
    }
  }
}
