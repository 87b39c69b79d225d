// A helper that outlives this process, if only for a moment, to say that it has died.

import { type StdioOptions, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { ProcessGuard } from "../platform.ts";

/**
 * Waits for the end of its input, which this process never writes to, then reads how it ended: the last number of Linux's status.
 * When a process dies, those that were reading its memory may abort themselves, or be terminated; they speak later, if nobody has
 * taken notice of their end by then.
 */
const SCRIPT = `
status() {
  { read -r line < "/proc/$1/stat"; } 2> /dev/null
}
read -r word
status "$2"
code=\${line##* }
case $code in
  "" | *[!0-9]*) how="has died" ;;
  *)
    signal=$((code % 128))
    how="was ended by signal $signal"
    case $signal in
      0) how="ended with code $((code / 256))" ;;
      6 | 15) sleep 1 && status "$2" || exit ;;
    esac
    ;;
esac
echo "$1 $how" >&2
sleep 0.1
`;

/** See `Processes.guard`. */
export function guardProcess(name: string, held: readonly number[]): ProcessGuard {
  const stdio: (number | "pipe" | "inherit" | "ignore")[] = ["pipe", "inherit", "inherit"];
  for (const file of held) {
    while (stdio.length <= file) stdio.push("ignore");
    stdio[file] = file;
  }
  const options: { stdio: StdioOptions } = { stdio };
  const child = spawn("sh", ["-c", SCRIPT, "sh", name, String(process.pid)], options);
  child.on("error", () => {}); // there is no shell, and nothing is said
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return { process: child.pid };
}
