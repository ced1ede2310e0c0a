import { OPTIONAL_RULES } from './names.ts';

/**
 * What a secret looks like, whatever field it stands in (SPEC 7). A text that one rule finds is not kept, and is
 * counted under the rule's name.
 *
 * No quantifier is open where a match could begin again inside what it has read and then fail: a hostile line
 * costs time in proportion to its length (test/normalize/secrets.test.ts gives each rule its worst).
 */
interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  /** What a pattern can't tell: checksums, decoded text. */
  readonly accepts?: (match: string) => boolean;
}

const RULES: readonly Rule[] = [
  // Whatever stands behind BEGIN may be a key; without an END all of it is taken for one.
  { name: 'private_key', pattern: /-----BEGIN [\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/ },
  { name: 'age_key', pattern: /AGE-SECRET-KEY-1[0-9A-Z]{16,}/i },
  { name: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*){0,4}/ },
  // OpenAI, Anthropic, DeepSeek, OpenRouter, LiteLLM, Langfuse
  { name: 'sk_key', pattern: /\bsk-[A-Za-z0-9_-]{16,}/i },
  {
    name: 'model_provider_key',
    pattern: /\b(?:gsk_|xai-|r8_|pplx-|nvapi-|tvly-|lsv2_|csk-|fw_|hf_|api_org_|jina_)[A-Za-z0-9_-]{20,}/,
    // `hf_internal_testing_model` is a name, not a key.
    accepts: match => /\d/.test(match.slice(match.search(/[_-]/) + 1)) && /[A-Za-z0-9]{16}/.test(match),
  },
  { name: 'aws_key_id', pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b/ },
  { name: 'google_key', pattern: /\b(?:AIza|ya29\.|GOCSPX-)[A-Za-z0-9_-]{16,}/ },
  { name: 'github_token', pattern: /\b(?:gh[opusr]_|github_pat_)[A-Za-z0-9_]{20,}/ },
  { name: 'gitlab_token', pattern: /\bgl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt)-[A-Za-z0-9_-]{16,}/ },
  { name: 'slack_token', pattern: /\bx(?:ox[abeoprs]|app)-[A-Za-z0-9-]{8,}/ },
  {
    name: 'webhook_url',
    pattern:
      /\b(?:hooks\.slack\.com\\?\/(?:services|workflows|triggers)|discord(?:app)?\.com\\?\/api\\?\/webhooks|[a-z0-9-]{1,63}\.webhook\.office\.com)\\?\/[\w./@-]{8,}/i,
  },
  { name: 'stripe_key', pattern: /\b(?:[rs]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}/ },
  { name: 'sendgrid_key', pattern: /\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}/ },
  { name: 'twilio_key', pattern: /\bSK[0-9a-f]{32}\b/ },
  { name: 'telegram_token', pattern: /\b\d{8,10}:AA[A-Za-z0-9_-]{30,}/ },
  {
    name: 'service_token',
    pattern:
      /\b(?:npm_|pypi-|do[opr]_v1_|hv[sbr]\.|shp(?:at|ca|pa|ss)_|gl(?:sa|c)_|lin_api_|dp\.(?:pt|st|sa)\.|NRAK-|HRKU-|PMAK-|figd_|sntrys_|rubygems_|dckr_pat_|ATATT3|EAACEdEose0cBA|dapi)[A-Za-z0-9+=_-]{16,}/,
    accepts: match => /\d/.test(match),
  },
  {
    name: 'authorization',
    pattern: /\b(?:Bearer|Negotiate|AWS4-HMAC-SHA256|GenieKey|SharedAccessSignature)\s{1,4}[^\s"',;]+/i,
  },
  {
    name: 'basic_auth',
    pattern: /\bBasic\s{1,4}[A-Za-z0-9+/]{6,}={0,2}/i,
    accepts: match => Buffer.from(match.replace(/^\w+\s+/, ''), 'base64').includes(':'),
  },
  {
    name: 'cookie',
    pattern:
      /\b(?:(?:set-)?cookie\\?["']?\s{0,4}[:=]\s{0,4}[^\s=]{1,128}=[^\r\n"]*|(?:[a-z]{0,16}sess(?:ion)?_?(?:id)?|connect\.sid|csrftoken|xsrf-token|__(?:Secure|Host)-[\w.-]{1,64})=[^\s;,"]{6,})/i,
  },
  // user:password@, or a token alone before the @
  {
    name: 'url_userinfo',
    pattern: /:\\?\/\\?\/(?:[^\s/:@"\\]{0,256}:[^\s/@"]{1,256}|[^\s/:@"\\]{16,256})@/,
  },
  {
    name: 'url_key',
    pattern:
      /(?:[?&#;]|\\u0026|&amp;)(?:(?:x-)?(?:api|subscription|auth)[_-]?key|key|(?:access|id|refresh|auth)?_?token|jwt|auth|authorization|sig|signature|(?:client_)?secret|pass(?:word|wd)?|pwd|sas|x-(?:amz|goog)-(?:signature|credential|security-token))=[^&\s"#;]{1,}/i,
  },
  {
    name: 'assigned',
    pattern:
      /(?:pass(?:word|wd|phrase)|\bpwd|secret(?:[_-]?access)?(?:[_-]?key)?|(?:api|private|account|access|encryption|signing|master)[_-]?key|(?:access|refresh|auth|id|session|bearer|bot)[_-]?token)\\{0,3}["']?\s{0,4}(?::=?|=>?)\s{0,4}\\{0,3}["']?[^\s"',;&\\]{4,}/i,
    // `secret=redacted`, `api_key: ****`, `"secret":{"name":...`
    accepts: match =>
      !/[:=>]\s*[\\"']*(?:\*+|<[\w -]+>|\[[\w :-]+\]|redacted|null|none|true|false)$/i.test(
        match.slice(0, 200),
      ),
  },
];

/** Personal data that some must keep and others mustn't: found only where they are asked for. */
const OPTIONAL: readonly Rule[] = [
  {
    name: 'email',
    pattern: /[\w.+%-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b/,
  },
  {
    name: 'card',
    pattern: /\b(?:\d{13,19}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|3\d{3}[ -]\d{6}[ -]\d{5})\b/,
    accepts: isCard,
  },
  { name: 'iban', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/, accepts: isIban },
];

/** `secret_name`: a member was called like a secret. `identity`: it said who, where identities are hashed. */
export const RULE_NAMES: readonly string[] = [
  ...RULES.map(rule => rule.name),
  ...OPTIONAL_RULES,
  'secret_name',
  'identity',
];

/** How often each rule found something. */
export type Removed = Record<string, number>;

export function addRemoved(to: Removed, more: Readonly<Removed>): void {
  for (const [rule, count] of Object.entries(more)) to[rule] = (to[rule] ?? 0) + count;
}

export interface Scanner {
  /** No rule finds anything in lower-case hex digits and hyphens: ids of 64 characters at most go unasked. */
  readonly sparesHex: boolean;
  /** The rule that finds a secret in this text; `but` has no say. */
  find(text: string, but?: string): string | undefined;
  /** The text with every secret replaced by `[removed:<rule>]`: for lines that can't be taken apart. */
  scrub(text: string): { readonly text: string; readonly removed: Removed };
}

/** `"password" : "..."` in a line that is no JSON: the value of a member that is called like a secret. */
const NAMED =
  /"[^"\\]{0,48}(?:password|passwd|passphrase|pwd|secret|authorization|cookie|api[_-]?key|private[_-]?key|credential|token)"\s{0,8}:\s{0,8}\[?\s{0,8}"(?:[^"\\]|\\[\s\S])*/gi;

/** Between two parts of what a URL may hold, which are kept. */
const WORDS = /([\s"'<>\\]+)/;
const ESCAPED = /%(?:25)*([2-7][0-9a-f])/gi;

/** What stands in a URL in a URL, however often it was escaped: as it was before, as far as it is ASCII. */
export const unescaped = (text: string): string =>
  text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

/** Texts in which nothing was found are many times the same: models, paths, users. Longer ones are ids, each another, and cost more to keep. */
const KEPT_CHARS = 31;
const MOST_KEPT = 8192;

/** `optional`: names of rules that are asked for beside those that always hold. */
export function scannerOf(optional: readonly string[]): Scanner {
  const asked = OPTIONAL.filter(({ name }) => optional.includes(name));
  const rules: readonly Rule[] = asked.length === 0 ? RULES : [...RULES, ...asked];
  const any = anyOf(rules);
  const all = rules.map(rule => ({ ...rule, pattern: new RegExp(rule.pattern, `${rule.pattern.flags}g`) }));
  const clean = new Set<string>();
  const ruleOf = (text: string, but?: string): string | undefined => {
    for (const { name, pattern, accepts } of all)
      if (name !== but)
        for (const [match] of text.matchAll(pattern)) if (accepts?.(match) !== false) return name;
    return undefined;
  };
  return {
    sparesHex: rules === RULES,
    find(text, but) {
      if (text.length <= KEPT_CHARS && clean.has(text)) return undefined;
      const isAny = any(text);
      const found = isAny ? ruleOf(text, but) : undefined;
      if (found !== undefined) return found;
      const inUrl = text.includes('%') ? unescaped(text) : text;
      if (inUrl !== text && any(inUrl)) return ruleOf(inUrl, but);
      if (!isAny && text.length <= KEPT_CHARS) {
        if (clean.size === MOST_KEPT) clean.clear();
        // A copy: a slice keeps the line that it was cut from.
        clean.add(Buffer.from(text, 'utf8').toString('utf8'));
      }
      return undefined;
    },
    scrub(text) {
      const removed: Removed = {};
      const gone = (rule: string): string => {
        removed[rule] = (removed[rule] ?? 0) + 1;
        return `[removed:${rule}]`;
      };
      let left = text;
      for (const { name, pattern, accepts } of all)
        left = left.replace(pattern, match => (accepts?.(match) === false ? match : gone(name)));
      if (left.includes('%'))
        left = left
          .split(WORDS)
          .map(word => {
            const inUrl = word.includes('%') ? unescaped(word) : word;
            const rule = inUrl !== word && any(inUrl) ? ruleOf(inUrl) : undefined;
            return rule === undefined ? word : gone(rule);
          })
          .join('');
      left = left.replace(NAMED, match => {
        const value = match.search(/"(?:[^"\\]|\\[\s\S])*$/);
        return /^"(?:\[removed:\w+\])?$/.test(match.slice(value))
          ? match
          : `${match.slice(0, value)}"${gone('secret_name')}`;
      });
      return { text: left, removed };
    },
  };
}

/** Most texts hold nothing: two patterns tell, one for each case rule. */
function anyOf(rules: readonly Rule[]): (text: string) => boolean {
  const [exact, folded] = ['', 'i'].map(flags => {
    const sources = rules.filter(rule => rule.pattern.flags === flags).map(rule => rule.pattern.source);
    return new RegExp(sources.join('|'), flags);
  }) as [RegExp, RegExp];
  return text => exact.test(text) || folded.test(text);
}

/** ISO/IEC 7812: 13 to 19 digits, the last one their Luhn sum; issuers begin with 2 to 6. */
function isCard(match: string): boolean {
  const digits = match.replaceAll(/\D/g, '').split('').map(Number).toReversed();
  const sum = digits.reduce((total, d, i) => total + (i % 2 === 0 ? d : d * 2 - (d > 4 ? 9 : 0)), 0);
  return sum % 10 === 0 && digits.at(-1)! >= 2 && digits.at(-1)! <= 6;
}

/** ISO 13616: the country and check digits moved behind, letters as 10 to 35, modulo 97 is 1. */
function isIban(match: string): boolean {
  const text = match.replaceAll(' ', '');
  let rest = 0;
  for (const c of text.slice(4) + text.slice(0, 4)) rest = Number(`${rest}${parseInt(c, 36)}`) % 97;
  return text.length >= 15 && text.length <= 34 && rest === 1;
}
