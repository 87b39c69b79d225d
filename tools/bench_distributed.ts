// The speed of training on several processes, and how much of it is communication.
//
//   mpirun -n 2 node tools/bench_distributed.ts --preset butterflies32 --batch-size 16
//   node tools/bench_distributed.ts --preset butterflies32 --batch-size 16 --threads 2
//
// Prints, from the first process: images per second of the median step, and the share of a step that is spent in sums
// over processes, which includes the wait for those that are later.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../src/cli/bench/groups.ts";
import type { Communicator } from "../src/distributed/communicator.ts";
import { isLaunched, openCommunicator } from "../src/distributed/open.ts";
import { singleProcess } from "../src/distributed/single.ts";
import { presetOptions, synthetic, Trainer } from "../src/index.ts";
import { PRESET_NAMES, PRESETS } from "../src/training/presets.ts";
import { count } from "./bench_runs.ts";

const { values: given } = parseArgs({
  options: {
    preset: { type: "string", default: "quick" },
    "batch-size": { type: "string", default: "16" },
    microbatch: { type: "string" },
    threads: { type: "string" },
    steps: { type: "string", default: "12" },
  },
});
const preset = PRESET_NAMES.find((name) => name === given.preset);
if (preset === undefined)
  throw new Error(`--preset is ${given.preset}; expected ${PRESET_NAMES.join(" or ")}`);
const batchSize = count("--batch-size", given["batch-size"]);
const steps = count("--steps", given.steps);
/** Steps before the clocks count. */
const WARM = 3;

const communicator = isLaunched() ? await openCommunicator() : singleProcess();
const clock = { summing: 0 };
const folder = await mkdtemp(join(tmpdir(), "imago-bench-"));
try {
  const { ema, ...recipe } = presetOptions(preset);
  const { epochs: _, ...options } = recipe;
  const trainer = new Trainer({
    ...options,
    ema,
    data: synthetic({ count: 256, size: PRESETS[preset].size }),
    out: join(folder, "run"),
    ...{ batchSize, steps: steps + WARM, sampleEvery: 0, evalEvery: 0, checkpointEvery: 0, warmupSteps: 0 },
    ...(given.threads !== undefined && { threads: count("--threads", given.threads) }),
    ...(given.microbatch !== undefined && { microbatch: count("--microbatch", given.microbatch) }),
    ...(isLaunched() && { communicator: timed(communicator) }),
  });
  const times: number[] = [];
  const sums: number[] = [];
  let [last, summed] = [performance.now(), 0];
  for await (const _step of trainer.run()) {
    const now = performance.now();
    times.push(now - last);
    sums.push(clock.summing - summed);
    [last, summed] = [now, clock.summing];
  }
  const [step, sum] = [times, sums].map((all) => median(all.slice(WARM)));
  if (communicator.rank === 0) {
    const speed = ((1000 * batchSize) / step).toFixed(1);
    const share = ((100 * sum) / step).toFixed(1);
    console.log(
      `${preset}, batch ${batchSize}, ${communicator.size} x ${given.threads ?? "own"} threads: ${speed} images/s, ${sum.toFixed(1)} of ${step.toFixed(1)} ms in sums (${share} %)`,
    );
  }
} finally {
  await communicator.close();
  await rm(folder, { recursive: true, force: true });
}

/** The same processes, with a clock around sums. */
function timed(over: Communicator): Communicator {
  const { rank, size, host, localRank, localSize } = over;
  return {
    ...{ rank, size, host, localRank, localSize },
    broadcast: (bytes, root) => over.broadcast(bytes, root),
    gather: (bytes) => over.gather(bytes),
    barrier: () => over.barrier(),
    abort: (cause) => over.abort(cause),
    close: () => over.close(),
    async sum(values) {
      const begun = performance.now();
      await over.sum(values);
      clock.summing += performance.now() - begun;
    },
  };
}
