import { AuditError } from '../errors.ts';

/** C2SP tlog-tiles entry bundle: for each entry its length as u16, big-endian, and its bytes. */
export function formatBundle(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    parts.push(length, entry);
  }
  return Buffer.concat(parts);
}

/** Throws BUNDLE_MALFORMED for short or trailing data. */
export function parseBundle(data: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < data.length;) {
    const end = at + 2 <= data.length ? at + 2 + data.readUInt16BE(at) : Infinity;
    if (end > data.length)
      throw new AuditError('BUNDLE_MALFORMED', `malformed entry bundle: cut at byte ${at}`);
    entries.push(data.subarray(at + 2, end));
    at = end;
  }
  return entries;
}
