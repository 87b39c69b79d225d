// Whether the process that wrote something is still alive. Process ids are reused, and mean something else in another
// container, so a process is identified by its id, the namespace of that id, and its start time.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errorCode } from "../errors.ts";
import type { ProcessState } from "../platform.ts";

/** Identifies a process in the files that it writes. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Processes with equal spaces see each other's ids; null if the system does not tell. */
  readonly space: string | null;
  /** Start time, if the system tells. */
  readonly begun: string | null;
}

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => ({
  pid: process.pid,
  space: processSpace(),
  begun: processBegun(process.pid),
});

/** A process to look for. */
export interface SoughtProcess extends Pick<ProcessIdentity, "pid" | "space"> {
  /** Compares start times; called only if the system tells when the process with this id began. */
  readonly isBegun: (begun: string) => boolean;
}

/** `gone` is certain; `unknown` means that the id is from another machine or container. */
export function processState({ pid, space, isBegun }: SoughtProcess): ProcessState {
  if (space === null || space !== processSpace()) return "unknown";
  if (!isAlive(pid)) return "gone";
  const begun = processBegun(pid);
  return begun === null || isBegun(begun) ? "alive" : "gone";
}

/** Whether some process has this id now. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Start time of a process in the system's own units (Linux only); with its id it identifies the process. */
function processBegun(pid: number): string | null {
  try {
    // The second field, the program's name in brackets, may contain spaces; the start is the 22nd field.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, "").trim().split(" ");
    return `${bootId()} ${fields[19]}`;
  } catch {
    return null;
  }
}

/**
 * Identifies the namespace of the ids that this process sees. On Linux: the boot and the namespaces of ids and time.
 * Elsewhere: the machine.
 */
function processSpace(): string | null {
  if (process.platform !== "linux") return hostname();
  try {
    // A container may be shown the ids of its host.
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
