import { AuditError } from '../errors.ts';
import type { Adapter, Choice } from './adapter.ts';
import { auth0 } from './formats/auth0.ts';
import { azureOpenai } from './formats/azure-openai.ts';
import { bedrock } from './formats/bedrock.ts';
import { keycloak } from './formats/keycloak.ts';
import { ocsf } from './formats/ocsf.ts';
import { okta } from './formats/okta.ts';
import { openaiAudit } from './formats/openai-audit.ts';
import { sshd } from './formats/sshd.ts';
import { vertex } from './formats/vertex.ts';
import { apisix } from './formats/apisix.ts';
import { cloudflareAi } from './formats/cloudflare-ai.ts';
import { combined } from './formats/combined.ts';
import { envoyAi } from './formats/envoy-ai.ts';
import { hoop } from './formats/hoop.ts';
import { kong } from './formats/kong.ts';
import { kubernetesAudit } from './formats/kubernetes-audit.ts';
import { traefik } from './formats/traefik.ts';
import { gin } from './formats/gin.ts';
import { llamacpp } from './formats/llamacpp.ts';
import { llamacppText } from './formats/llamacpp-text.ts';
import { localai } from './formats/localai.ts';
import { sglang } from './formats/sglang.ts';
import { tgi } from './formats/tgi.ts';
import { vllm } from './formats/vllm.ts';
import { anthropic } from './formats/anthropic.ts';
import { langfuse } from './formats/langfuse.ts';
import { otlp } from './formats/otlp.ts';
import { caddy } from './formats/caddy.ts';
import { litellm } from './formats/litellm.ts';
import { native } from './formats/native.ts';
import { nginx } from './formats/nginx.ts';
import { ollama } from './formats/ollama.ts';
import { openai } from './formats/openai.ts';
import { adapterOfMap, type MapSpec } from './map.ts';

/** The first that recognizes a line reads it: those with the most telling members come first, native last. */
export const FORMATS: readonly Adapter[] = [
  otlp,
  bedrock,
  azureOpenai,
  vertex,
  langfuse,
  litellm,
  kong,
  apisix,
  envoyAi,
  cloudflareAi,
  openai,
  anthropic,
  ollama,
  sglang,
  tgi,
  localai,
  llamacpp,
  openaiAudit,
  okta,
  auth0,
  keycloak,
  ocsf,
  kubernetesAudit,
  hoop,
  caddy,
  traefik,
  nginx,
  vllm,
  llamacppText,
  gin,
  sshd,
  combined,
  native,
];

/** A format of a whole source, as it can be sent to a thread. */
export interface FormatChoice {
  readonly name: string;
  /** A person named it. */
  readonly forced: boolean;
  /** What `name` means, if it is described in a file. */
  readonly map?: MapSpec;
}

/** Throws UNKNOWN_FORMAT for a name that is none. */
export const formatOf = ({ name, forced, map }: FormatChoice): Choice => ({
  adapter: map ? adapterOfMap(map) : formatNamed(name),
  forced,
});

function formatNamed(name: string): Adapter {
  const found = FORMATS.find(f => f.name === name);
  if (found) return found;
  throw new AuditError('UNKNOWN_FORMAT', `no format is called "${name.slice(0, 40)}"`, {
    hint: 'see `slmaudit formats`, or leave --format out',
  });
}
