import { csvText } from './csv.ts';

/** A requirement that people ask logs about, and where in a pack to look. Nothing here is legal advice or says that it is met. */
interface Control {
  readonly requirement: string;
  readonly asks: string;
  readonly evidence: readonly string[];
  readonly note: string;
}

const CONTROLS: readonly Control[] = [
  {
    requirement: 'EU AI Act, Regulation (EU) 2024/1689, Art. 12(1)-(2)',
    asks: 'events are recorded automatically over the lifetime of a high-risk system, so that its functioning can be traced',
    evidence: ['coverage.csv', 'silences.csv', 'records.ndjson', 'verification.json'],
    note: 'Art. 12(3) asks more of remote biometric identification: nothing here is about that',
  },
  {
    requirement: 'EU AI Act, Art. 19(1) and 26(6)',
    asks: 'logs under the control of provider or deployer are kept for at least six months, unless other law says otherwise',
    evidence: ['policies.csv', 'prunes.csv', 'coverage.csv', 'holds.csv'],
    note: 'which law applies, and from when, is for counsel to say',
  },
  {
    requirement: 'ISO/IEC 42001:2023, A.6.2.8',
    asks: 'event logs of an AI system are kept in the phases of its life cycle in which they are needed',
    evidence: ['coverage.csv', 'fields.csv', 'policies.csv'],
    note: 'which phases need them is the organization’s to decide',
  },
  {
    requirement: 'SOC 2, CC7.2',
    asks: 'components are monitored for anomalies that point at malicious acts, disasters and errors',
    evidence: ['records.ndjson', 'silences.csv', 'quarantine.csv'],
    note: 'the material for monitoring; that somebody looked and acted is shown elsewhere',
  },
  {
    requirement: 'HIPAA, 45 CFR 164.312(b)',
    asks: 'mechanisms record and examine activity in systems that hold electronic protected health information',
    evidence: ['records.ndjson', 'coverage.csv', 'verification.json'],
    note: 'activity that went through the sources in coverage.csv, no other',
  },
  {
    requirement: 'PCI DSS 4.0.1, 10.2.2',
    asks: 'an audit log entry says who, what kind of event, when, with what outcome, from where, and on what',
    evidence: ['fields.csv', 'records.ndjson'],
    note: 'user_id, event_type, ts, status, client_ip, model and endpoint; a source may lack some',
  },
  {
    requirement: 'PCI DSS 4.0.1, 10.3.2 to 10.3.4',
    asks: 'audit logs can not be altered by individuals, are backed up, and changes to them are detected',
    evidence: ['verification.json', 'store/log/checkpoint', 'pin.txt', 'SHA256SUMS'],
    note: 'changes are detected; access and backups are shown elsewhere',
  },
  {
    requirement: 'PCI DSS 4.0.1, 10.5.1',
    asks: 'audit log history is kept for at least 12 months, the latest three at hand',
    evidence: ['policies.csv', 'prunes.csv', 'coverage.csv'],
    note: '',
  },
  {
    requirement: 'PCI DSS 4.0.1, 10.6',
    asks: 'clocks are synchronized',
    evidence: ['clock.csv'],
    note: 'says only where the clock of the log’s host had gone back',
  },
  {
    requirement: 'PCI DSS 4.0.1, 10.7',
    asks: 'failures of critical control systems, logging among them, are detected and answered promptly',
    evidence: ['silences.csv', 'coverage.json'],
    note: 'log.pauses of coverage.json; that somebody answered is shown elsewhere',
  },
  {
    requirement: 'NIST SP 800-53 Rev. 5, AU-3',
    asks: 'audit records say what, when, where, source, outcome and who',
    evidence: ['fields.csv', 'records.ndjson'],
    note: '',
  },
  {
    requirement: 'NIST SP 800-53 Rev. 5, AU-8',
    asks: 'time stamps of a stated granularity, in UTC or with a stated offset',
    evidence: ['fields.csv', 'clock.csv'],
    note: 'microseconds, UTC; ts_quality says how sure a time is',
  },
  {
    requirement: 'NIST SP 800-53 Rev. 5, AU-9(3) and AU-10',
    asks: 'audit information is protected by cryptography; actions can not be repudiated',
    evidence: ['verification.json', 'pin.txt', 'store/log/checkpoint', 'proofs'],
    note: 'Ed25519 and SHA-256; whether the build of Node.js that ran is a validated module is shown elsewhere',
  },
  {
    requirement: 'NIST SP 800-53 Rev. 5, AU-11',
    asks: 'audit records are retained for a period the organization defines',
    evidence: ['policies.csv', 'prunes.csv', 'redactions.csv', 'holds.csv'],
    note: '',
  },
];

/** Places that evidence names. */
export const EVIDENCE: readonly string[] = [...new Set(CONTROLS.flatMap(c => c.evidence))];

export const controlsCsv = (): string =>
  csvText(
    ['requirement', 'asks', 'evidence', 'note'],
    CONTROLS.map(c => [c.requirement, c.asks, c.evidence.join('; '), c.note]),
  );
