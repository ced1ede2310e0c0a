const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The canonical text of an IP address (RFC 5952), `::ffff:` stripped, without port, brackets or zone. Undefined for
 * what is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > 100) return undefined;
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
