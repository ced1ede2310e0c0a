/** Up to three of `names` that are spelled nearly so, the nearest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  const most = Math.max(2, Math.floor(name.length / 3));
  const said = name.toLowerCase();
  // `usr` is near `user_id`: near its beginning.
  const away = (n: string): number =>
    n.includes(said) || said.includes(n)
      ? 1
      : Math.min(distance(said, n), distance(said, n.slice(0, said.length + 1)) + 0.5);
  return names
    .map(n => ({ n, d: away(n) }))
    .filter(({ d }) => d <= most)
    .sort((a, b) => a.d - b.d)
    .slice(0, 3)
    .map(({ n }) => n);
}

/** Is one the other with a slip or two? Stricter than nearest(): for what may well be meant as it is. */
export function isNearly(name: string, known: string): boolean {
  const far = distance(name.toLowerCase(), known);
  return far <= (known.length < 5 ? 1 : 2);
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
