/**
 * An error a person can act on. `code` is stable and machine-readable; `hint` is the next command to type.
 * `exit` is the answer of the whole program (ARCHITECTURE.md, exit codes): 2 could not check, 75 locked.
 */
export class AuditError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exit: number;

  constructor(
    code: string,
    message: string,
    options: { hint?: string; exit?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'AuditError';
    this.code = code;
    this.hint = options.hint;
    this.exit = options.exit ?? 2;
  }
}

/** `no space left on device`: the system's words without its code and call. */
export const systemText = (error: Error): string =>
  error.message.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+(?: '.*')?$/, '');
