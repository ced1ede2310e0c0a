import type { Page } from '../../../report/page.ts';
import { htmlPage } from './html.ts';
import { markdownPage } from './markdown.ts';
import type { PageFormat } from './names.ts';
import { terminalPage } from './terminal.ts';

export interface PageShown {
  /** Columns of the terminal; undefined: as wide as it is. */
  readonly width?: number | undefined;
  /** Without colors: it goes to a file. */
  readonly plain?: boolean;
  /** What it was made from, a sentence each. */
  readonly foot: readonly string[];
}

export function pageText(format: PageFormat, page: Page, shown: PageShown): string {
  switch (format) {
    case 'html':
      return htmlPage(page, shown.foot);
    case 'json':
      return `${harmless(JSON.stringify(page.data))}\n`;
    case 'markdown':
      return markdownPage(page, shown.foot);
    case 'table':
      return terminalPage(page, shown);
  }
}

/** JSON of the same text, in which no character is left that a terminal could obey. */
const harmless = (json: string): string =>
  json.replaceAll(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
