// Whether a file or folder marked by the process that was making it (`processes.mark`) has been abandoned.
import { files, paths, processes } from "#platform";

/** Untouched for this long (milliseconds), something counts as abandoned if its process cannot be checked. */
const UNTOUCHED_MS = 10 * 60_000;

/**
 * Whether the process that was making a file or folder is gone. A process on another machine, in another container or
 * from before a reboot cannot be checked; then, whether nothing has changed for ten minutes.
 */
export async function isAbandoned(path: string, mark: string): Promise<boolean> {
  const state = await processes.stateOf(mark);
  return state === "unknown" ? Date.now() - (await lastChange(path)) > UNTOUCHED_MS : state === "gone";
}

/** When a file, or an entry directly in a folder, was last changed; now if it is gone. */
async function lastChange(path: string): Promise<number> {
  const changed = async (one: string): Promise<number> => {
    const stat = await files.stat(one).catch(() => undefined);
    return stat?.mtimeMs ?? Date.now();
  };
  const names = await files.list(path).catch(() => []);
  const times = await Promise.all([path, ...names.map((name) => paths.join(path, name))].map(changed));
  return Math.max(...times);
}
