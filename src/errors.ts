/**
 * An error a person can act on. `code` is stable and machine-readable; `hint` is the next command to type.
 * `exit` is the answer of the whole program: 2 could not, 1 what was sealed was altered, 75 locked, 130 interrupted.
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

/** For what a signal has stopped, by its name. */
export const stopped = (reason: unknown): AuditError =>
  new AuditError('STOPPED', 'stopped', { exit: reason === 'SIGINT' ? 130 : 2 });

/** An error on its way from one thread to another. */
export interface Thrown {
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
  /** Of an AuditError. */
  readonly own: { readonly hint: string | undefined; readonly exit: number } | undefined;
}

export function thrown(error: unknown): Thrown {
  const { message, code, stack } = error as { message?: string; code?: string; stack?: string };
  const own = error instanceof AuditError ? { hint: error.hint, exit: error.exit } : undefined;
  return { message: message ?? String(error), code, stack, own };
}

/** As it was, but for what caused it. */
export function asError({ message, code, stack, own }: Thrown): Error {
  const error = own
    ? new AuditError(code!, message, { exit: own.exit, ...(own.hint !== undefined && { hint: own.hint }) })
    : Object.assign(new Error(message), code !== undefined && { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Is it what the system says, of a file it may not or can't read? */
export const isSystemError = (error: unknown): error is Error => error instanceof Error && 'syscall' in error;

/** `no space left on device`: the system's words without its code and call. */
export const systemText = (error: Error): string =>
  error.message.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+(?: '.*')?$/, '');
