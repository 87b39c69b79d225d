// Shows what more threads bring: `imago bench` with one thread and with more, alternating (A B A B), and which kernels
// gain.
//
//   npm run bench:threads
//   npm run bench:threads -- --case cifar10:train:8 --threads 1,2,4 --rounds 3
//
// A case is PRESET:WORK:BATCH. The machine's own peaks are printed beside the steps: no program gains more than they
// do. Other work on the machine spoils the numbers.

import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { counted } from "../src/cli/wording.ts";
import {
  count,
  header,
  imagoRun,
  parseCase,
  type Run,
  row,
  speedText,
  timesOf,
  timesOfRuns,
} from "./bench_runs.ts";

/** 1, 2, 4, .. and all cores. */
function threadCounts(all: number): number[] {
  const doublings = Array.from({ length: Math.ceil(Math.log2(all)) }, (_, i) => 2 ** i);
  return [...doublings, all];
}

/** The fields of a line of `imago bench --json` that are used here. */
const benchLine = v.object({
  peak_gflops: v.number(),
  peak_gbytes_per_second: v.nullable(v.number()),
  families: v.array(v.object({ family: v.string(), seconds: v.number() })),
});

const median = (values: readonly number[]): number => timesOf(values).median;
const times = (ratio: number): string => `${ratio.toFixed(2)}x`;

/** Median seconds per kernel family, the most expensive first. */
function familySeconds(runs: readonly Run[]): Map<string, number> {
  const all = runs.flatMap(({ line }) => v.parse(benchLine, line).families);
  const names = [...new Set(all.map(({ family }) => family))];
  const seconds = names.map((name): [string, number] => [
    name,
    median(all.filter(({ family }) => family === name).map((family) => family.seconds)),
  ]);
  return new Map(seconds.sort(([, a], [, b]) => b - a));
}

async function main(): Promise<void> {
  const { values: given } = parseArgs({
    options: {
      case: { type: "string", default: "butterflies32:train:16" },
      threads: { type: "string", default: threadCounts(availableParallelism()).join(",") },
      rounds: { type: "string", default: "2" },
      steps: { type: "string", default: "3" },
    },
  });
  const which = parseCase(given.case);
  const threads = given.threads.split(",").map((text) => count("--threads", text));
  const rounds = count("--rounds", given.rounds);
  const steps = count("--steps", given.steps);
  const runs = new Map(threads.map((n): [number, Run[]] => [n, []]));
  for (let round = 1; round <= rounds; round++) {
    console.error(`${given.case}: round ${round} of ${rounds}`);
    for (const [n, ofThreads] of runs) ofThreads.push(await imagoRun(which, n, steps));
  }

  const rows = [...runs].map(([n, ofThreads]) => {
    const lines = ofThreads.map(({ line }) => v.parse(benchLine, line));
    return {
      threads: n,
      step: timesOfRuns(ofThreads),
      gflops: Math.max(...lines.map((line) => line.peak_gflops)),
      gbytes: Math.max(...lines.map((line) => line.peak_gbytes_per_second ?? Number.NaN)),
      families: familySeconds(ofThreads),
    };
  });
  const [first] = rows;
  console.log(`${cpus()[0].model}; Node ${process.versions.node}`);
  console.log(
    `${given.case}: median of ${counted(rounds, "round")} of ${counted(steps, "step")} (slowest to fastest step).\n`,
  );
  console.log(header(["threads", "images/s", "gain", "SIMD peak, GFLOP/s", "gain", "memory, GB/s", "gain"]));
  for (const { threads: n, step, gflops, gbytes } of rows) {
    const speed = speedText(which.batchSize, step);
    const gain = times(first.step.median / step.median);
    const machine = [
      gflops.toFixed(1),
      times(gflops / first.gflops),
      gbytes.toFixed(1),
      times(gbytes / first.gbytes),
    ];
    console.log(row([String(n), speed, gain, ...machine]));
  }
  console.log(`\n${header(["kernels, ms", ...rows.map(({ threads: n }) => String(n)), "gain"])}`);
  for (const [family, one] of first.families) {
    const each = rows.map(({ families }) => families.get(family) ?? Number.NaN);
    const gain = times(one / each[each.length - 1]);
    console.log(row([family, ...each.map((seconds) => (seconds * 1000).toFixed(1)), gain]));
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench:threads: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
