// Identifies processes by the marks in the names of files that they are making.

import { createHash } from "node:crypto";
import { fstatSync } from "node:fs";
import type { Processes } from "../platform.ts";
import { guardProcess } from "./process_guard.ts";
import { processState, thisProcess } from "./process_identity.ts";

/** SPACE-PID-BEGUN: the id's namespace and the start time, shortened. */
const MARK = /^([0-9a-f]{8})-(\d{1,10})-([0-9a-f]{8})$/;

const short = (text: string | null): string =>
  createHash("sha256")
    .update(text ?? "")
    .digest("hex")
    .slice(0, 8);

export const processes: Processes = {
  mark: async () => {
    const { pid, space, begun } = thisProcess();
    return `${short(space)}-${pid}-${short(begun)}`;
  },
  stateOf: async (mark) => {
    const [, space, pid, begun] = MARK.exec(mark) ?? [];
    const own = thisProcess();
    if (pid === undefined || own.space === null || space !== short(own.space)) return "unknown";
    return processState({ pid: Number(pid), space: own.space, isBegun: (now) => short(now) === begun });
  },
  guard: guardProcess,
  isSocket: (descriptor) => {
    try {
      return fstatSync(descriptor).isSocket();
    } catch {
      return false; // it is not open
    }
  },
};
