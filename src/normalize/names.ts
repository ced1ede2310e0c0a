/** Names of the formats, in the order of `formats.ts`: for whoever needs no more than them. */
export const FORMAT_NAMES: readonly string[] = ['litellm', 'openai', 'ollama', 'caddy', 'nginx', 'native'];
