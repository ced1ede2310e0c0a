import type { Adapter } from './adapter.ts';
import { caddy } from './formats/caddy.ts';
import { litellm } from './formats/litellm.ts';
import { native } from './formats/native.ts';
import { nginx } from './formats/nginx.ts';
import { ollama } from './formats/ollama.ts';
import { openai } from './formats/openai.ts';

/** The first that recognizes a line reads it: those with the most telling members come first. */
export const FORMATS: readonly Adapter[] = [litellm, openai, ollama, caddy, nginx, native];
