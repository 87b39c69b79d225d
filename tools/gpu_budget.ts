// What the kernels for GPUs are designed for: the operations, bytes and dispatches of a training step by family of
// kernels, counted, and the least time that they take a small and a large GPU. Needs no GPU.
//
//   npm run gpu:budget
//
// Convolutions count the direct way; bytes are those that must be read and written once, so a kernel that reads its
// operands several times, as products do, takes longer. Padding of tiles and parts of cut sums are not counted.

import { presetStep } from "../src/cli/bench/programs.ts";
import { PRESETS, type PresetName, presetModel } from "../src/training/presets.ts";
import { buildTrainStep } from "../src/training/step/train_step.ts";
import { header, row } from "./bench_runs.ts";
import { budgetOf, budgetsOf, type FamilyBudget, type Limits } from "./gpu_budget/budget.ts";
import { type CountedDispatch, countDispatches } from "./gpu_budget/dispatches.ts";

const MACHINES: readonly Limits[] = [
  { name: "laptop", flopsPerSecond: 4e12, bytesPerSecond: 100e9, dispatchSeconds: 40e-6 },
  { name: "large", flopsPerSecond: 60e12, bytesPerSecond: 3000e9, dispatchSeconds: 25e-6 },
];
const NAMES: readonly PresetName[] = ["quick", "butterflies32", "butterflies128"];

const budgetRow = ({ family, dispatches, flops, bytes, least }: FamilyBudget): string =>
  row([
    family,
    String(dispatches),
    (flops / 1e9).toFixed(1),
    (bytes / 1e9).toFixed(2),
    ...least.map(({ seconds, bound }) => `${(1000 * seconds).toFixed(1)} (${bound})`),
  ]);

for (const { name, flopsPerSecond, bytesPerSecond, dispatchSeconds } of MACHINES) {
  const [tflops, gbytes, micros] = [flopsPerSecond / 1e12, bytesPerSecond / 1e9, dispatchSeconds * 1e6];
  console.log(`${name}: ${tflops} TFLOP/s, ${gbytes} GB/s, ${micros} microseconds a dispatch`);
}
for (const preset of NAMES) {
  const { batchSize } = PRESETS[preset].settings;
  const step = presetStep(preset, presetModel(PRESETS[preset]), batchSize);
  const whole = (dispatches: readonly CountedDispatch[]) => budgetOf("all", dispatches, MACHINES);
  const dispatches = countDispatches(buildTrainStep(step).program);
  const speeds = whole(dispatches).least.map(
    ({ seconds }, i) => `${(batchSize / seconds).toFixed(0)} on the ${MACHINES[i].name}`,
  );
  console.log(
    `\n${preset}, a training step of ${batchSize} images; at most ${speeds.join(", ")} GPU a second\n`,
  );
  const columns = MACHINES.map(({ name }) => `${name}, least ms (bound by)`);
  console.log(header(["kernels", "dispatches", "GFLOP", "GB", ...columns]));
  for (const budget of [...budgetsOf(dispatches, MACHINES), whole(dispatches)])
    console.log(budgetRow(budget));
  const { muon, ...withoutMuon } = step;
  if (muon === undefined) continue;
  const others = countDispatches(buildTrainStep(withoutMuon).program);
  console.log(budgetRow({ ...whole(others), family: "all, with AdamW in place of Muon" }));
}
