import { canonicalLine } from '../record/canonical.ts';
import { type Form, withRaw } from './form.ts';

/** The canonical line: what was hashed and signed (SPEC 6), and native input again. */
export const native: Form = {
  about: 'the canonical lines that were sealed, to the byte',
  line: canonicalLine,
};

/** `labels` and `extra` as objects instead of JSON in a text: for people, and for tools that look into them. Not what was sealed. */
export const nested: Form = {
  about: 'the same with labels and extra as objects',
  line: ({ labels, extra, ...record }) =>
    withRaw(withRaw(canonicalLine(record), 'labels', labels), 'extra', extra),
};
