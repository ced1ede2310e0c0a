/** Periods that a rule asks for, as far as was found out. None is legal advice: a person has to read the rule. */
export interface Preset {
  readonly name: string;
  /** Days. */
  readonly min?: number;
  readonly max?: number;
  /** The rule states no period: whoever it binds has to, in a file. */
  readonly asks?: 'min';
  readonly basis: string;
  /** Where it stands. */
  readonly citation: string;
  readonly about: string;
  readonly sure: Sure;
  /** When it was looked up, and when it should be again. */
  readonly date: string;
  readonly review: string;
}

export type Sure = 'secondary source' | 'from memory' | 'our choice';

const LOOKED = { date: '2026-11-25', review: '2027-11-25' };

export const PRESETS: readonly Preset[] = [
  {
    name: 'default',
    min: 184,
    max: 400,
    basis: 'slmaudit:default',
    citation: 'none: six months at least, thirteen at most',
    about: 'long enough to compare a year, short enough to say why',
    sure: 'our choice',
    ...LOOKED,
  },
  {
    name: 'eu-ai-act',
    min: 184,
    basis: 'eu-ai-act:19(1)',
    citation: 'Regulation (EU) 2024/1689, Articles 19(1) and 26(6)',
    about: 'logs of high-risk systems for six months at least; binds from 2 December 2027 (Annex III)',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'pci-dss',
    min: 366,
    basis: 'pci-dss:10.5.1',
    citation: 'PCI DSS 4.0.1, requirement 10.5.1',
    about: 'twelve months, the last three at hand: all that is kept here is at hand',
    sure: 'from memory',
    ...LOOKED,
  },
  {
    name: 'hipaa',
    min: 2192,
    basis: 'hipaa:164.316(b)(2)(i)',
    citation: '45 CFR 164.316(b)(2)(i)',
    about: 'documentation for six years; that logs are documentation is the careful reading, not a ruling',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'soc2',
    min: 366,
    basis: 'soc2:cc7.2',
    citation: 'AICPA Trust Services Criteria, CC7.2 to CC7.4',
    about: 'no period is stated; a year is what auditors are used to',
    sure: 'from memory',
    ...LOOKED,
  },
  {
    name: 'sec-17a-4',
    min: 2192,
    basis: 'sec:17a-4(f)',
    citation: '17 CFR 240.17a-4(f)',
    about: 'six years, the longer of its periods; check the paragraph in the eCFR',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'omb-m-26-14',
    min: 366,
    basis: 'omb:m-26-14',
    citation: 'OMB M-26-14, which rescinds M-21-31',
    about: 'six months searchable, twelve retrievable: all that is kept here is searchable',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'fedramp',
    min: 366,
    basis: 'fedramp:au-11',
    citation: 'FedRAMP baselines, AU-11',
    about: 'ninety days online, then as NARA says; a year here, and M-26-14 beside it',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'dora',
    asks: 'min',
    basis: 'dora:rts-2024-1774:12(2)',
    citation: 'Delegated Regulation (EU) 2024/1774, Article 12(2)',
    about: 'the entity sets the period: state a min in a file',
    sure: 'secondary source',
    ...LOOKED,
  },
  {
    name: 'gdpr-lean',
    max: 90,
    basis: 'gdpr:5(1)(e)',
    citation: 'Regulation (EU) 2016/679, Article 5(1)(e)',
    about: 'no longer than needed; no period is stated, ninety days are lean',
    sure: 'from memory',
    ...LOOKED,
  },
];

export const PRESET_NAMES: readonly string[] = PRESETS.map(p => p.name);
export const presetOf = (name: string): Preset | undefined => PRESETS.find(p => p.name === name);
