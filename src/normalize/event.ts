import type { Mac } from '../keys/hash.ts';

/**
 * event_id (SPEC 7): UUIDv8 of HMAC-SHA-256 under the record key over
 *
 *     "slmaudit/event/v1\0" ‖ u32 length ‖ source ‖ u32 length ‖ stream ‖ u64 offset ‖ u32 k ‖ raw line
 *
 * k counts the records of one line.
 */
export function eventIds({
  mac,
  sourceId,
  stream,
}: {
  readonly mac: Mac;
  readonly sourceId: string;
  readonly stream: string;
}): (offset: number, k: number, raw: Buffer) => string {
  const head = Buffer.concat([Buffer.from('slmaudit/event/v1\0'), prefixed(sourceId), prefixed(stream)]);
  const place = Buffer.alloc(12);
  return (offset, k, raw) => {
    place.writeUInt32BE(Math.floor(offset / 2 ** 32), 0);
    place.writeUInt32BE(offset % 2 ** 32, 4);
    place.writeUInt32BE(k, 8);
    const hex = mac(head, place, raw);
    const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
