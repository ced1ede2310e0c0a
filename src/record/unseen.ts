/**
 * Characters that command a terminal, turn the order of a line, or aren't seen at all, so that two texts look like one: control characters,
 * line ends, what Unicode has by default no glyph for (zero-width and bidirectional marks, fillers, variation selectors, tags), notes
 * between lines, lone surrogates.
 */
export const UNSEEN: RegExp = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb]|\p{DI}|\p{Surrogate}/gu;
