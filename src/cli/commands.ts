import type { CommandSpec } from './command.ts';
import { coverageCommand } from './commands/coverage.ts';
import { completionCommand } from './commands/completion.ts';
import { hashCommand } from './commands/hash.ts';
import { ingestCommand } from './commands/ingest.ts';
import { formatsCommand } from './commands/formats.ts';
import { initCommand } from './commands/init.ts';
import { mapTestCommand } from './commands/map.ts';
import { keyDestroyCommand, keyRecoverCommand, keyRotateCommand, keyStatusCommand } from './commands/key.ts';
import { packCommand } from './commands/pack.ts';
import { proveCommand } from './commands/prove.ts';
import {
  quarantineListCommand,
  quarantineRetryCommand,
  quarantineShowCommand,
} from './commands/quarantine.ts';
import { queryCommand } from './commands/query.ts';
import { contextCommand, searchCommand } from './commands/search.ts';
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
  hashCommand,
  quarantineListCommand,
  quarantineShowCommand,
  quarantineRetryCommand,
  keyStatusCommand,
  keyRotateCommand,
  keyRecoverCommand,
  keyDestroyCommand,
  coverageCommand,
  packCommand,
  statusCommand,
  completionCommand,
];
