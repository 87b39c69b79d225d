// process_identity.ts: whether the process that wrote something is still there. Numbers of processes are used again, so
// a process is named by its number and the time it began, where the system tells that.
import { readFileSync } from "node:fs";
import { errorCode } from "./errors.ts";

/** Whether some process has this number now. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** When a process began, in the system's own count (Linux only): with its number it names the process. */
export function processBegun(pid: number): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The second field, the program's name in brackets, may hold spaces; the start is the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, "").trim().split(" ");
    return `${boot} ${fields[19]}`;
  } catch {
    return null;
  }
}
