import { isSystemError, systemText } from '../errors.ts';
import { digestFile, type FileDigest } from '../store/store.ts';

type PayloadContent = import('../duck/payload.ts').PayloadContent;

/** A file of records, as the log states it. `counts`: rows of each segment in it, if its rows are to be read too. */
export interface Sight {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly counts?: readonly number[];
}

/** What was there; anything of it can come from another thread. */
export interface Seen {
  readonly digest: FileDigest | undefined;
  /** Only of a file that is as it was stated. */
  readonly content?: PayloadContent;
  /** What the system says why it can't be read. */
  readonly refused?: string;
  /** Why its rows can't be read. */
  readonly fault?: string;
}

export const isStated = (digest: FileDigest, { sha256, bytes }: Sight): boolean =>
  digest.sha256 === sha256 && digest.bytes === bytes;

/** Digests a file, and reads its rows if they are wanted. Throws STOPPED. */
export async function look(sight: Sight, signal?: AbortSignal): Promise<Seen> {
  const { path, counts, bytes } = sight;
  let digest: FileDigest | undefined;
  try {
    digest = await digestFile(path, bytes, signal);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { digest: undefined, refused: systemText(error) };
  }
  if (!digest || !counts || !isStated(digest, sight)) return { digest };
  const { readPayload } = await import('../duck/payload.ts');
  try {
    // What a host could not read for a moment was not altered.
    const content = await readPayload(path, counts).catch(() => readPayload(path, counts));
    return { digest, content };
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
    // The engine knows it by a descriptor only.
    return { digest, fault: message.replaceAll(/\/proc\/self\/fd\/\d+/g, path) };
  }
}
