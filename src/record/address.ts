const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The canonical text of an IP address (RFC 5952), `::ffff:` stripped, without port, brackets or zone. Undefined for
 * what is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > 100) return undefined;
  if (IPV4.test(text)) return text;
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
  if (IPV4.test(bare)) return bare;
  if (!/^[0-9a-fA-F:.]+(?:%[\w.-]+)?$/.test(bare) || !bare.includes(':')) return undefined;
  // WHATWG URL serializes IPv6 as RFC 5952 section 4 wants it.
  const address = bare.replace(/%.*$/, '');
  if (!URL.canParse(`http://[${address}]/`)) return undefined;
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const mapped = MAPPED.exec(canonical);
  if (!mapped) return canonical;
  const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/**
 * An address as text that sorts as addresses do, IPv4 before IPv6: `4` and 8 hex digits, `6` and 32; undefined for none.
 */
export function addressKey(text: string): string | undefined {
  const address = canonicalAddress(text);
  if (address === undefined) return undefined;
  if (!address.includes(':')) return `4${address.split('.').map(byteHex).join('')}`;
  const [left = '', right] = address.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, behind] = [groups(left), groups(right ?? '')];
  const zeros = Array.from({ length: 8 - before.length - behind.length }, () => '0');
  return `6${[...before, ...zeros, ...behind].map(g => g.padStart(4, '0')).join('')}`;
}

const byteHex = (byte: string): string => Number(byte).toString(16).padStart(2, '0');

/** The first and last key of a network, `192.0.2.0/24` or `2001:db8::/32`; undefined for what is none. */
export function networkKeys(cidr: string): readonly [first: string, last: string] | undefined {
  const [address = '', length = ''] = cidr.split('/');
  const key = addressKey(address);
  if (key === undefined || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = (key.length - 1) * 4;
  const free = BigInt(bits - Number(length));
  if (free < 0n) return undefined;
  const first = ((BigInt(`0x${key.slice(1)}`) >> free) << free).toString(16);
  const last = (BigInt(`0x${key.slice(1)}`) | ((1n << free) - 1n)).toString(16);
  return [key[0] + first.padStart(bits / 4, '0'), key[0] + last.padStart(bits / 4, '0')];
}
