// A helper that outlives this process, if only for a moment, to say that it has died.

import { type StdioOptions, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { ProcessGuard } from "../platform.ts";

/** Waits for the end of its input, which this process never writes to. */
const SCRIPT = 'read -r word; echo "$1" >&2';

/** See `Processes.guard`. */
export function guardProcess(line: string, held: readonly number[]): ProcessGuard {
  const stdio: (number | "pipe" | "inherit" | "ignore")[] = ["pipe", "inherit", "inherit"];
  for (const file of held) {
    while (stdio.length <= file) stdio.push("ignore");
    stdio[file] = file;
  }
  const options: { stdio: StdioOptions } = { stdio };
  const child = spawn("sh", ["-c", SCRIPT, "sh", line], options);
  child.on("error", () => {}); // there is no shell, and nothing is said
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return { process: child.pid };
}
