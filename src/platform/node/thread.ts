// "#platform/thread" on Node: worker threads, from inside.

import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { ThreadScope } from "../platform.ts";
import { foreignCalls } from "./foreign.ts";
import { callAt } from "./native_library.ts";

export const thread: ThreadScope = {
  serve(begin) {
    parentPort?.on(
      "message",
      begin(workerData, (reply, moved = []) => parentPort?.postMessage(reply, [...moved])),
    );
  },
  // `performance.now` starts at 0 in each thread.
  now: () => Number(process.hrtime.bigint()) / 1e6,
  callNative: callAt,
  foreign: foreignCalls,
  letOthersRun: () => setImmediate(),
};
