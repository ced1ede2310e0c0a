/**
 * Secrets of every kind that the scanner knows, all made up: the form is right, no service knows them. Cut in two
 * so that no scanner of repositories takes this file for a leak. `core` is what no file may hold of it.
 */
export interface Planted {
  readonly rule: string;
  readonly text: string;
  readonly core: string;
}

/** Heads are in two pieces. */
const joined = (...pieces: string[]): string => pieces.join('');

const C = 'Zq7vK2mXw9TbR4nLc8HdJ3fY';
const HEX = '5f0e9a1c3b7d2e4f6a8b0c1d5f0e9a1c';

const planted = (rule: string, head: string, core: string, tail = ''): Planted => ({
  rule,
  text: `${head}${core}${tail}`,
  core,
});

export const SECRETS: readonly Planted[] = [
  planted('sk_key', joined('sk-', 'proj-'), `${C}01`),
  planted('sk_key', joined('sk-', 'ant-api03-'), `${C}02`),
  planted('model_provider_key', joined('gs', 'k_'), `${C}03`),
  planted('model_provider_key', joined('h', 'f_'), `${C}04`),
  planted('model_provider_key', joined('r', '8_'), `${C}05`),
  planted('aws_key_id', joined('AK', 'IA'), 'Q7VK2MXW9TBR4NLC'),
  planted('aws_key_id', joined('AS', 'IA'), 'K2MXW9TBR4NLCQ7V'),
  planted('google_key', joined('AI', 'za'), `${C}06`),
  planted('google_key', joined('ya', '29.'), `${C}07`),
  planted('github_token', joined('gh', 'p_'), `${C}08`),
  planted('github_token', joined('github', '_pat_'), `${C}09`),
  planted('gitlab_token', joined('gl', 'pat-'), `${C}10`),
  planted('slack_token', joined('xo', 'xb-'), `1234-${C}11`),
  planted('webhook_url', joined('https://hooks', '.slack.com/services/'), `T0/B0/${C}12`),
  planted('stripe_key', joined('sk', '_live_'), `${C}13`),
  planted('sendgrid_key', joined('S', 'G.'), `${C}14.${C}15`),
  planted('twilio_key', joined('S', 'K'), HEX),
  planted('telegram_token', joined('123456789', ':AA'), `${C}16${C}`),
  planted('service_token', joined('np', 'm_'), `${C}17`),
  planted('service_token', joined('hv', 's.'), `${C}18`),
  planted('service_token', joined('dop', '_v1_'), HEX.split('').toReversed().join('')),
  planted('jwt', joined('ey', 'JhbGciOiJIUzI1NiJ9.'), `${C}19.${C}20`),
  planted('private_key', joined('-----BEGIN ', 'PRIVATE KEY-----'), `${C}21`, '-----END PRIVATE KEY-----'),
  planted('private_key', joined('-----BEGIN ', 'OPENSSH PRIVATE KEY-----'), `${C}22`),
  planted('age_key', joined('AGE-SECRET-', 'KEY-1'), 'QZ7VK2MXW9TBR4NLC8HDJ3FY23'),
  planted('authorization', 'Bearer ', `opaque${C}24`),
  planted('basic_auth', 'Basic ', Buffer.from(`user:${C}25`).toString('base64')),
  planted('cookie', 'Cookie: theme=dark; session=', `${C}26`),
  planted('cookie', 'JSESSIONID=', `${C}27`),
  planted('url_userinfo', 'postgres://app:', `${C}28`, '@db.internal:5432/x'),
  planted('url_userinfo', 'https://', `${C}29`, '@git.example.com/x.git'),
  planted('url_key', 'https://example.com/v1?a=b&api_key=', `${C}30`),
  planted('url_key', 'https://store.example.com/x?sv=2024&sig=', `${C}31`),
  planted('assigned', 'password=', `${C}32`),
  planted('assigned', joined('AccountKey', '='), `${C}33`),
  planted('assigned', joined('aws_secret', '_access_key: '), `${C}34`),
];

export const OPTIONAL_SECRETS: readonly Planted[] = [
  planted('email', '', 'zq7.vk2@mail.example.org'),
  planted('card', 'paid with ', '4111 1111 1111 1111'),
  planted('iban', 'to ', 'DE89 3704 0044 0532 0130 00'),
];
