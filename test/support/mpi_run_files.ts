// What a run has left, to be compared with what another number of processes leaves.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Files whose content tells the time or the number of processes. */
const OWN = new Set(["metrics.jsonl", "config.json", ".lock"]);

/** The contents of a run's files, or of a part of it, by their paths in it. */
export async function filesOf(path: string): Promise<Map<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !(entry.parentPath === path && OWN.has(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name));
  const contents = paths
    .sort()
    .map(async (file) => [file.slice(path.length), await readFile(file, "base64")] as const);
  return new Map(await Promise.all(contents));
}

/** Step, loss and gradient norm of each step. */
export async function numbersOf(path: string): Promise<number[][]> {
  const lines = (await readFile(join(path, "metrics.jsonl"), "utf8")).trim().split("\n");
  return lines.map((line) => {
    const { step, loss, grad_norm: norm } = JSON.parse(line);
    return [step, loss, norm];
  });
}
