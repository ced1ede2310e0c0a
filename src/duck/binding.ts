import { createRequire } from 'node:module';

/**
 * DuckDB's binding. It is CommonJS in 187 files: `import` looks through all of them for names first, and takes 0.1 s longer
 * than `require`. It makes its decoder of text when it is loaded, without ignoreBOM, and would lose a leading U+FEFF.
 */
const Decoder = TextDecoder;
globalThis.TextDecoder = class extends Decoder {
  constructor(label?: string, options?: ConstructorParameters<typeof Decoder>[1]) {
    super(label, { ...options, ignoreBOM: true });
  }
};
export const duckdb: typeof import('@duckdb/node-api') = createRequire(import.meta.url)(
  '@duckdb/node-api',
) as typeof import('@duckdb/node-api');
globalThis.TextDecoder = Decoder;

/** What it is made on, which has the bytes of a whole vector. */
export const bindings: typeof import('@duckdb/node-bindings') = createRequire(
  createRequire(import.meta.url).resolve('@duckdb/node-api'),
)('@duckdb/node-bindings') as typeof import('@duckdb/node-bindings');
