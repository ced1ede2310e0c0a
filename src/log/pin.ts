import { AuditError } from '../errors.ts';
import { formatVkey, parseVkey, type VerifierKey } from '../note/key.ts';

/**
 * What an auditor keeps, in one line: the log key and the hash of genesis (SPEC 2).
 *
 *     audit.example.com/slm/prod+1f2e3d4c+AY0...=@sha256:9b1c...
 */
export interface Pin {
  readonly logKey: VerifierKey;
  /** SHA-256 of entry 0's whole note. */
  readonly genesis: Buffer;
}

export function formatPin(pin: Pin): string {
  return `${formatVkey(pin.logKey)}@sha256:${pin.genesis.toString('hex')}`;
}

/** Spaces around it don't matter. Throws PIN_MALFORMED. */
export function parsePin(text: string): Pin {
  const parts = /^(.+)@sha256:([0-9a-f]{64})$/.exec(text.trim());
  try {
    if (!parts) throw new Error('not of the form <vkey>@sha256:<64 hex digits>');
    return { logKey: parseVkey(parts[1]!), genesis: Buffer.from(parts[2]!, 'hex') };
  } catch (cause) {
    throw new AuditError(
      'PIN_MALFORMED',
      `that is no pin: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: 'copy the whole line that `slmaudit init` or `slmaudit status` printed',
        cause,
      },
    );
  }
}
