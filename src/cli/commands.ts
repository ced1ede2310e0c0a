import type { CommandSpec } from './command.ts';
import { coverageCommand } from './commands/coverage.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { exportCommand } from './commands/export.ts';
import { hashCommand } from './commands/hash.ts';
import { holdAddCommand, holdListCommand, holdReleaseCommand } from './commands/hold.ts';
import { ingestCommand } from './commands/ingest.ts';
import { formatsCommand } from './commands/formats.ts';
import { initCommand } from './commands/init.ts';
import { mapTestCommand } from './commands/map.ts';
import { keyDestroyCommand, keyRecoverCommand, keyRotateCommand, keyStatusCommand } from './commands/key.ts';
import { compactCommand, pruneCommand } from './commands/prune.ts';
import {
  policyExplainCommand,
  policyPresetsCommand,
  policySetCommand,
  policyShowCommand,
} from './commands/policy.ts';
import { packCommand } from './commands/pack.ts';
import { proveCommand } from './commands/prove.ts';
import {
  quarantineListCommand,
  quarantineRetryCommand,
  quarantineShowCommand,
} from './commands/quarantine.ts';
import { queryCommand } from './commands/query.ts';
import { contextCommand, searchCommand } from './commands/search.ts';
import { redactCommand } from './commands/redact.ts';
import { receiptKeyCommand, receiptVerifyCommand } from './commands/receipt.ts';
import { reportCommands } from './commands/report.ts';
import { sealCommand } from './commands/seal.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';

/** Every verb, in the order of a store's life. */
export const COMMANDS: readonly CommandSpec[] = [
  initCommand,
  ingestCommand,
  formatsCommand,
  mapTestCommand,
  sealCommand,
  verifyCommand,
  proveCommand,
  searchCommand,
  contextCommand,
  queryCommand,
  exportCommand,
  receiptVerifyCommand,
  receiptKeyCommand,
  hashCommand,
  quarantineListCommand,
  quarantineShowCommand,
  quarantineRetryCommand,
  policySetCommand,
  policyShowCommand,
  policyExplainCommand,
  policyPresetsCommand,
  holdAddCommand,
  holdListCommand,
  holdReleaseCommand,
  keyStatusCommand,
  keyRotateCommand,
  keyRecoverCommand,
  keyDestroyCommand,
  pruneCommand,
  compactCommand,
  redactCommand,
  ...reportCommands,
  coverageCommand,
  packCommand,
  statusCommand,
  configCommand,
  completionCommand,
];
