import { parentPort, workerData } from 'node:worker_threads';
import { withRows } from '../duck/row.ts';
import { groupsIn } from './groups.ts';

/** Rows of a file whose groups are to be made on another thread. */
export interface GroupTask {
  readonly path: string;
  readonly from: number;
  readonly rows: number;
}

const { path, from, rows: count } = workerData as GroupTask;
const groups = await withRows(path, rows => groupsIn(rows, from, count));
parentPort?.postMessage(Buffer.concat(groups));
