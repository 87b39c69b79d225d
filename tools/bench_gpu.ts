// Measures Imago on a GPU and, where it is installed, PyTorch beside it, in one run: the device and its peaks, training
// and sampling of presets, matrix products and convolutions by size. Prints a line of JSON for each, as soon as it is
// known, and ends in time.
//
//   npm run bench:gpu                                 # within eight minutes
//   npm run bench:gpu -- --python .venv/bin/python --json gpu.jsonl --seconds 1500
//   npm run bench:gpu -- --dry                        # small sizes, for a GPU in software and PyTorch on the processor
//
// Imago's times of operations are the device's own (or, where it has none, those of whole runs); those of steps are of
// whole runs, with what the processor does between them. PyTorch is measured after Imago, by tools/python/bench_gpu.py,
// which needs torch and diffusers (requirements.txt beside it): the most important parts first, the others as long as
// there is time. `--json FILE` keeps all lines, written anew after each.

import { parseArgs } from "node:util";
import { GPU_TILES } from "../src/engine/backends/webgpu/kernels/product/tiles.ts";
import { measureImago } from "./bench_gpu/imago.ts";
import { Parts } from "./bench_gpu/parts.ts";
import { DRY, torchPlan, WHOLE } from "./bench_gpu/plan.ts";
import { TorchProcess } from "./bench_gpu/pytorch.ts";
import { Report } from "./bench_gpu/report.ts";
import { count, type Line, toolPath } from "./bench_runs.ts";

/** Imago's share of the time where PyTorch is measured, too. */
const SHARE = 0.5;
/** Most milliseconds in which Python must have loaded PyTorch. */
const START = 60_000;

/** Milliseconds before the end at which nothing is waited for any longer: processes need a moment to be ended. */
const ENDING = 2000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function main(): Promise<void> {
  const begin = performance.now();
  const { values: given } = parseArgs({
    options: {
      dry: { type: "boolean", default: false },
      seconds: { type: "string", default: "480" },
      python: { type: "string", default: "python3" },
      json: { type: "string" },
    },
  });
  const plan = given.dry ? DRY : WHOLE;
  const time = Math.max(0, 1000 * count("--seconds", given.seconds) - ENDING);
  const end = AbortSignal.timeout(time);
  const report = new Report(given.json);
  await report.kept();
  const tell = (line: Line): void => report.tell(line);
  const torch = await TorchProcess.start(
    given.python,
    [toolPath("python/bench_gpu.py"), "--device", given.dry ? "cpu" : "cuda"],
    AbortSignal.any([end, AbortSignal.timeout(START)]),
    tell,
  );
  const until = begin + time * (torch === undefined ? 1 : SHARE);
  try {
    await measureImago(plan, new Parts({ until, end }, tell), given.dry ? ["tiny"] : GPU_TILES);
  } catch (error) {
    // A GPU that Imago cannot use, or that it loses, does not hide what PyTorch does on it.
    tell({ part: "imago", library: "imago", error: messageOf(error) });
    process.exitCode = 2;
  }
  await torch?.measure(torchPlan(plan), end, tell);
  await report.kept();
}

// PyTorch's process ends with this one, also when this one is ended by hand.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  console.error(`bench:gpu: ${messageOf(error)}`);
  process.exitCode = 2;
}
// A part that was not waited for may still be at work.
process.exit();
