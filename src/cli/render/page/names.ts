/** How a page of a report comes out. */
export const PAGE_FORMATS = ['table', 'json', 'markdown', 'html'] as const;
export type PageFormat = (typeof PAGE_FORMATS)[number];
