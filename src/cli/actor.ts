import { userInfo } from 'node:os';

/** Who runs this, as the system knows them. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
