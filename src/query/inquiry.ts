import type { Cell } from '../duck/job.ts';

export type Row = Readonly<Record<string, Cell>>;

export interface Asker {
  all(sql: string, parameters?: Readonly<Record<string, string>>): Promise<readonly Row[]>;
  keep(name: string, sql: string, parameters?: Readonly<Record<string, string>>): Promise<void>;
}
