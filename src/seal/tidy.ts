import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Inventory, PayloadFile } from '../log/inventory.ts';
import { createFile, isCode, removeFile, syncFolder } from '../store/durable.ts';
import {
  type Layout,
  namesIn,
  parseRecordsName,
  payloadPath,
  quarantinePath,
  recordsPath,
  untidyPath,
} from '../store/layout.ts';

/** From here on files may lie about that the log does not state; whoever writes next tidies up. */
export function beginUntidy(at: Layout): void {
  try {
    createFile(untidyPath(at), '');
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  }
}

/**
 * The files of records and of rejected lines that the log once stated and no longer does, and those of entries that were never
 * committed. What it never stated is nobody's to remove: `verify` names it. `inventory` is that of the whole log, `size` its entries.
 */
export function leftoversOf(at: Layout, inventory: Inventory, size: number): string[] {
  const pathOf = (file: PayloadFile): string => recordsPath(at, file, inventory.get(file.segments[0]!)!.at);
  const stated = new Set(inventory.payloadFiles().map(pathOf));
  const older = new Set(inventory.superseded.map(pathOf));
  for (const { segment, at: sealed, payload } of inventory.segments)
    if (payload) older.add(payloadPath(at, segment, sealed));
  const found: string[] = [];
  const records = join(at.store, 'records');
  for (const day of namesIn(records))
    for (const name of namesIn(join(records, day))) {
      const path = join(records, day, name);
      const isUncommitted = (parseRecordsName(name)?.entry ?? -1) >= size;
      if (!stated.has(path) && (older.has(path) || isUncommitted)) found.push(path);
    }
  for (const sealed of inventory.segments) {
    const path = quarantinePath(at, sealed.segment);
    if (sealed.rejected && !inventory.hasRejected(sealed) && existsSync(path)) found.push(path);
  }
  return found;
}

/** Removes them. The caller holds the seal lock. Doing it again changes nothing. */
export function tidy(at: Layout, inventory: Inventory, size: number): void {
  const paths = leftoversOf(at, inventory, size);
  for (const path of paths) removeFile(path);
  for (const folder of new Set(paths.map(path => dirname(path)))) syncFolder(folder);
  removeFile(untidyPath(at));
}
