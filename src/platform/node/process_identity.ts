// Whether the process that wrote something is still there. Numbers of processes are used again, and
// mean something else in another container, so a process is named by its number, where that counts, and when it began.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "../errors.ts";
import type { ProcessState } from "../platform.ts";

/** What a process is named by in what it writes. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Processes with equal spaces see each other's numbers; null where the system does not tell. */
  readonly space: string | null;
  /** When it began, where the system tells. */
  readonly begun: string | null;
}

/** The name of this process. */
export const thisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  space: processSpace(),
  begun: processBegun(process.pid),
});

/** A process that is looked for. */
export interface SoughtProcess extends Pick<ProcessIdentity, "pid" | "space"> {
  /** Whether it began then; asked where the system tells when the process of its number did. */
  readonly isBegun: (begun: string) => boolean;
}

/** `gone` is certain; `unknown` is one whose number means nothing here: of another machine or another container. */
export function processState({ pid, space, isBegun }: SoughtProcess): ProcessState {
  if (space === null || space !== processSpace()) return "unknown";
  if (!isAlive(pid)) return "gone";
  const begun = processBegun(pid);
  return begun === null || isBegun(begun) ? "alive" : "gone";
}

/** Whether some process has this number now. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** When a process began, in the system's own count (Linux only): with its number it names the process. */
function processBegun(pid: number): string | null {
  try {
    // The second field, the program's name in brackets, may hold spaces; the start is the 22nd.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, "").trim().split(" ");
    return `${bootId()} ${fields[19]}`;
  } catch {
    return null;
  }
}

/**
 * What tells the numbers that this process sees from those of other machines and containers. Linux names them: the
 * boot, and the namespaces that processes are counted and timed in. Elsewhere it is the machine.
 */
function processSpace(): string | null {
  if (process.platform !== "linux") return hostname();
  try {
    // A container may be shown the numbers of the machine around it.
    if (readlinkSync("/proc/self") !== String(process.pid)) return null;
    return [hostname(), bootId(), readlinkSync("/proc/self/ns/pid"), timeNamespace()].join(" ");
  } catch {
    return null;
  }
}

/** Absent before Linux 5.6. */
function timeNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/time");
  } catch {
    return "";
  }
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
