import { dirname, join } from 'node:path';
import type { Inventory } from '../log/inventory.ts';
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
 * Removes the files of records and of rejected lines that the log once stated and no longer does, and those of entries that
 * were never committed. The caller holds the seal lock; `inventory` is that of the whole log, `size` its entries. Doing it again changes nothing.
 */
export function tidy(at: Layout, inventory: Inventory, size: number): void {
  const stated = new Set(
    inventory.payloadFiles().map(file => recordsPath(at, file, inventory.get(file.segments[0]!)!.at)),
  );
  const records = join(at.store, 'records');
  for (const day of namesIn(records)) {
    const folder = join(records, day);
    let removed = false;
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      const placed = parseRecordsName(name);
      if (!placed || stated.has(path)) continue;
      const { segment, entry } = placed;
      const sealed = inventory.get(segment);
      // What the log never stated is not ours to remove: `verify` names it.
      const wasStated =
        entry === undefined && sealed?.payload && payloadPath(at, segment, sealed.at) === path;
      const isOlder = inventory.superseded.some(
        f => f.entry === entry && recordsPath(at, f, inventory.get(f.segments[0]!)!.at) === path,
      );
      const isUncommitted = entry !== undefined && entry >= size;
      if (!wasStated && !isOlder && !isUncommitted) continue;
      removeFile(path);
      removed = true;
    }
    if (removed) syncFolder(folder);
  }
  for (const sealed of inventory.segments)
    if (sealed.rejected && !inventory.hasRejected(sealed)) removeFile(quarantinePath(at, sealed.segment));
  const quarantine = dirname(quarantinePath(at, 0));
  if (namesIn(quarantine).length > 0) syncFolder(quarantine);
  removeFile(untidyPath(at));
}
