// What a process was making under its mark (`processes.mark`), and whether somebody else may go on with it.
import { files, paths, processes } from "#platform";

/** How long something stands untouched (milliseconds) before it counts as left by a process that cannot be looked for. */
const UNTOUCHED_MS = 10 * 60_000;

/**
 * Whether the process that was making a file or folder is gone; where it cannot be looked for, since it ran on another
 * machine, in another container or before the system was started, whether nothing in it has changed for ten minutes.
 */
export async function isAbandoned(path: string, mark: string): Promise<boolean> {
  const state = await processes.stateOf(mark);
  return state === "unknown" ? Date.now() - (await lastChange(path)) > UNTOUCHED_MS : state === "gone";
}

/** When a file, or anything that lies directly in a folder, was last changed; now where it is gone. */
async function lastChange(path: string): Promise<number> {
  const changed = async (one: string): Promise<number> => {
    const stat = await files.stat(one).catch(() => undefined);
    return stat?.mtimeMs ?? Date.now();
  };
  const names = await files.list(path).catch(() => []);
  const times = await Promise.all([path, ...names.map((name) => paths.join(path, name))].map(changed));
  return Math.max(...times);
}
