import type { CommandSpec } from './command.ts';
import { completionCommand } from './commands/completion.ts';
import { ingestCommand } from './commands/ingest.ts';
import { initCommand } from './commands/init.ts';
import { queryCommand } from './commands/query.ts';
import { sealCommand } from './commands/seal.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';

/** Every verb, in the order of a store's life. */
export const COMMANDS: readonly CommandSpec[] = [
  initCommand,
  ingestCommand,
  sealCommand,
  verifyCommand,
  queryCommand,
  statusCommand,
  completionCommand,
];
