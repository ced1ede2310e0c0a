/** Times as records have them; they compare as text. */
export interface Span {
  readonly from: string;
  readonly to: string;
}

/** From the earliest beginning to the latest end; undefined where there is none. */
export function spanOver(spans: Iterable<Span | undefined>): Span | undefined {
  let whole: Span | undefined;
  for (const span of spans) {
    if (!span) continue;
    const { from, to } = whole ?? span;
    whole = { from: span.from < from ? span.from : from, to: span.to > to ? span.to : to };
  }
  return whole;
}
