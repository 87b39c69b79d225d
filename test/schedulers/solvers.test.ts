// The solvers in λ against diffusers, with their options and every number of steps. test/fixtures/solvers.json is made
// by tools/python/solver_goldens.py.

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import {
  DEISMultistepScheduler,
  DPMSolverMultistepInverseScheduler,
  DPMSolverMultistepScheduler,
  DPMSolverSinglestepScheduler,
  EDMDPMSolverMultistepScheduler,
  SASolverScheduler,
  type Scheduler,
  type StepOptions,
  schedulerFromConfig,
  torchNoise,
  UniPCMultistepScheduler,
} from "../../src/schedulers/index.ts";
import { absSum, dummyModel, dummySampleDeter } from "./harness.ts";

const rowsSchema = v.array(
  v.object({
    scheduler: v.string(),
    config: v.record(v.string(), v.unknown()),
    mu: v.exactOptional(v.number()),
    steps: v.union([v.number(), v.array(v.number())]),
    timesteps: v.array(v.number()),
    last_sigma: v.number(),
    abs_sum: v.number(),
    values: v.array(v.number()),
  }),
);
const fixture = new URL("../fixtures/solvers.json", import.meta.url);
const rows = v.parse(rowsSchema, JSON.parse(readFileSync(fixture, "utf8")));

const preserving = [
  DPMSolverMultistepScheduler,
  DPMSolverSinglestepScheduler,
  DEISMultistepScheduler,
  UniPCMultistepScheduler,
  SASolverScheduler,
];
const solvers = [...preserving, DPMSolverMultistepInverseScheduler, EDMDPMSolverMultistepScheduler];

const seeded = () => torchNoise(new TorchGenerator(0));

/** A run of the dummy model, with a variance behind where the scheduler expects one. */
function run(
  scheduler: Scheduler,
  timesteps: readonly number[],
  start: HostTensor,
  options: StepOptions,
): HostTensor {
  const isLearned = typeof scheduler.config.varianceType === "string";
  let sample = start;
  for (const t of timesteps) {
    const output = dummyModel(sample, t);
    sample = scheduler.step(isLearned ? doubled(output) : output, t, sample, options).prevSample;
  }
  return sample;
}

function doubled({ data, shape }: HostTensor): HostTensor {
  const channels = shape.at(-1)!;
  const out = Array.from({ length: 2 * data.length }, (_, i) => {
    const pixel = Math.floor(i / (2 * channels));
    return data[pixel * channels + (i % channels)];
  });
  return hostTensor(Float32Array.from(out), [...shape.slice(0, -1), 2 * channels]);
}

/** Every 191st value in the order [N, C, H, W]. */
function picked({ data, shape: [n, h, w, c] }: HostTensor, count: number): number[] {
  return Array.from({ length: count }, (_, k) => {
    const i = 191 * k;
    const [y, x] = [Math.floor(i / w) % h, i % w];
    const channel = Math.floor(i / (w * h)) % c;
    const image = Math.floor(i / (w * h * c)) % n;
    return data[((image * h + y) * w + x) * c + channel];
  });
}

describe("sampling loops of diffusers over the options of solvers", () => {
  const named = rows.map((row) => ({
    ...row,
    name: `${row.scheduler} ${JSON.stringify({ ...row.config, mu: row.mu })} ${JSON.stringify(row.steps)}`,
  }));

  it.each(named)("$name", (row) => {
    const found = solvers.find(({ className }) => className === row.scheduler);
    if (found === undefined) throw new RangeError(`${row.scheduler} is not among the solvers`);
    const scheduler = found.fromConfig(row.config);
    scheduler.setTimesteps(
      typeof row.steps === "number"
        ? { numInferenceSteps: row.steps, ...(row.mu === undefined ? {} : { mu: row.mu }) }
        : { timesteps: row.steps },
    );
    const isEdm = row.scheduler.startsWith("EDM");
    // Where diffusers' timestep is a whole number but for rounding, its fraction is cut off all the same: 999 is 998 there.
    const { beta_schedule, use_karras_sigmas, shift_terminal } = row.config;
    const isCut = (beta_schedule === "squaredcos_cap_v2" && use_karras_sigmas === true) || shift_terminal;
    expect(scheduler.timesteps.length).toBe(row.timesteps.length);
    for (const [i, t] of scheduler.timesteps.entries()) {
      expect(Math.abs(t - row.timesteps[i])).toBeLessThanOrEqual(isCut ? 1 : isEdm ? 1e-6 : 0);
    }
    // Towards noise the last is large, and float32.
    const unit = row.scheduler.includes("Inverse") ? Math.max(row.last_sigma, 1) : 1;
    expect(scheduler.sigmas[row.timesteps.length - 1] / unit).toBeCloseTo(row.last_sigma / unit, 6);
    scheduler.setBeginIndex(0);
    const sample = run(scheduler, row.timesteps, dummySampleDeter(), { noise: seeded() });
    const relative = isEdm ? 1e-4 : 1.5e-5;
    expect(Math.abs(absSum(sample) - row.abs_sum)).toBeLessThan(relative * row.abs_sum + 1e-5);
    const size = row.abs_sum / sample.data.length;
    for (const [i, x] of picked(sample, row.values.length).entries()) {
      expect(Math.abs(x - row.values[i])).toBeLessThan(relative * (Math.abs(row.values[i]) + size) * 3);
    }
  });
});

const spacings = [
  { timestep_spacing: "linspace" },
  { timestep_spacing: "leading" },
  { timestep_spacing: "trailing" },
  { use_karras_sigmas: true },
  { use_exponential_sigmas: true },
  { use_beta_sigmas: true },
  { use_flow_sigmas: true },
];
const predictionTypes = ["epsilon", "sample", "v_prediction", "flow_prediction"];
const algorithms = new Map<string, readonly object[]>([
  [
    "DPMSolverMultistepScheduler",
    [
      { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min" },
      { algorithm_type: "sde-dpmsolver++", solver_type: "heun", solver_order: 3 },
      { use_lu_lambdas: false, solver_order: 3, lower_order_final: false },
    ],
  ],
  [
    "DPMSolverSinglestepScheduler",
    [
      { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", solver_order: 3 },
      { algorithm_type: "sde-dpmsolver++", solver_type: "heun", solver_order: 3 },
    ],
  ],
  ["DEISMultistepScheduler", [{ solver_order: 3, lower_order_final: false }]],
  [
    "UniPCMultistepScheduler",
    [
      { solver_order: 3, lower_order_final: false },
      { predict_x0: false },
      { predict_x0: false, solver_order: 3, final_sigmas_type: "sigma_min" },
    ],
  ],
  [
    "SASolverScheduler",
    [
      { predictor_order: 3, corrector_order: 4, lower_order_final: false },
      { algorithm_type: "noise_prediction" },
    ],
  ],
]);

describe.each(preserving)("$className", (solver) => {
  const sample = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
  const output = hostTensor(Float32Array.of(0.3, 0.1, -0.2, 0.5), [1, 2, 2, 1]);

  const wholeRun = (scheduler: Scheduler) => {
    const noise = seeded();
    let x = sample;
    for (const t of scheduler.timesteps) x = scheduler.step(output, t, x, { noise }).prevSample;
    return x;
  };

  const combinations = spacings.flatMap((spacing) =>
    predictionTypes.flatMap((prediction_type) =>
      [{}, ...(algorithms.get(solver.className) ?? [])].map((algorithm) => ({
        ...spacing,
        prediction_type,
        ...algorithm,
      })),
    ),
  );

  it("samples finite values, at every spacing, prediction type and number of steps that it takes", () => {
    for (const options of combinations) {
      const isFlow = "use_flow_sigmas" in options;
      const { prediction_type } = options;
      if (isFlow ? prediction_type === "v_prediction" : prediction_type === "flow_prediction") {
        expect(() => solver.fromConfig(options)).toThrow(`predictionType "${prediction_type}"`);
        continue;
      }
      const scheduler = solver.fromConfig(options);
      for (const steps of [1, 2, 7, 25, 1000]) {
        const isTooMany = scheduler.config.timestepSpacing === "leading" && steps === 1000;
        if (isTooMany) {
          expect(() => scheduler.setTimesteps(steps)).toThrow(
            'expected at most 999 with timestepSpacing "leading"',
          );
          continue;
        }
        scheduler.setTimesteps(steps);
        expect(scheduler.timesteps.length).toBe(steps);
        expect(scheduler.timesteps.every((t) => Number.isInteger(t) && t >= 0 && t < 1000)).toBe(true);
        const end = wholeRun(scheduler);
        if (!end.data.every(Number.isFinite))
          throw new RangeError(`${JSON.stringify(options)}, ${steps} steps`);
      }
    }
  });

  it("gives an image the same values in any batch, and in a second run", () => {
    const scheduler = solver.fromConfig({ thresholding: true });
    const batch = dummySampleDeter();
    const size = batch.data.length / batch.shape[0];
    const zero = {
      randn: (shape: readonly number[]) => hostTensor(new Float32Array(shape.reduce((a, b) => a * b)), shape),
    };
    const sampled = (x: HostTensor) => {
      scheduler.setTimesteps(5);
      return run(scheduler, scheduler.timesteps, x, { noise: zero }).data;
    };
    const all = sampled(batch);
    expect(sampled(batch)).toEqual(all);
    const second = hostTensor(batch.data.slice(size, 2 * size), [1, ...batch.shape.slice(1)]);
    expect(sampled(second)).toEqual(all.slice(size, 2 * size));
  });

  it("writes a config that makes the same scheduler", () => {
    const scheduler = solver.fromConfig({ use_karras_sigmas: true, thresholding: true });
    const warnings: string[] = [];
    const read = schedulerFromConfig(scheduler.toConfig(), { warn: (message) => warnings.push(message) });
    expect(read).toBeInstanceOf(solver);
    expect(read.config).toEqual(scheduler.config);
    expect(warnings).toEqual([]);
  });

  it("takes the configs of the others, as diffusers translates them", () => {
    for (const other of preserving.filter(({ className }) => className !== "SASolverScheduler")) {
      const source = other.fromConfig({ beta_end: 0.01, use_karras_sigmas: true });
      const made = solver.fromConfig(source.config);
      expect(made.config.betaEnd).toBe(0.01);
      expect(made.config.useKarrasSigmas).toBe(true);
    }
  });

  it("takes custom timesteps and sigmas, and says what is wrong with others", () => {
    const scheduler = solver.fromConfig({});
    scheduler.setTimesteps({ timesteps: [900, 500, 20] });
    expect(scheduler.timesteps).toEqual([900, 500, 20]);
    expect(wholeRun(scheduler).data.every(Number.isFinite)).toBe(true);
    scheduler.setTimesteps({ sigmas: [20, 3, 0.5, 0] });
    expect(scheduler.timesteps.length).toBe(3);
    expect(wholeRun(scheduler).data.every(Number.isFinite)).toBe(true);
    expect(() => scheduler.setTimesteps({ timesteps: [5, 9] })).toThrow("descending");
    expect(() => scheduler.setTimesteps({ numInferenceSteps: 5, mu: 1 })).toThrow("useDynamicShifting");
    const karras = solver.fromConfig({ use_karras_sigmas: true });
    expect(() => karras.setTimesteps({ timesteps: [9, 5] })).toThrow("do not go with a spacing of sigmas");
    expect(() => solver.fromConfig({ use_karras_sigmas: true, use_beta_sigmas: true })).toThrow(
      "useKarrasSigmas and useBetaSigmas are true",
    );
    expect(() => solver.fromConfig({ use_flow_sigmas: true, use_beta_sigmas: true })).toThrow(
      "useFlowSigmas does not go with another spacing",
    );
  });
});

describe("EDMDPMSolverMultistepScheduler", () => {
  it("samples finite values at every schedule, prediction type and number of steps", () => {
    const start = hostTensor(Float32Array.of(8, -32, 56, 16), [1, 2, 2, 1]);
    for (const sigmaSchedule of ["karras", "exponential"] as const) {
      for (const predictionType of ["epsilon", "v_prediction"] as const) {
        for (const finalSigmasType of ["zero", "sigma_min"] as const) {
          for (const algorithmType of ["dpmsolver++", "sde-dpmsolver++"] as const) {
            const options = { sigmaSchedule, predictionType, finalSigmasType, algorithmType, solverOrder: 3 };
            const scheduler = new EDMDPMSolverMultistepScheduler(options);
            for (const steps of [1, 2, 7, 25, 1000]) {
              scheduler.setTimesteps(steps);
              const noise = seeded();
              let x = start;
              for (const t of scheduler.timesteps) {
                x = scheduler.step(scheduler.scaleModelInput(x, t), t, x, { noise }).prevSample;
              }
              expect(x.data.every(Number.isFinite)).toBe(true);
            }
          }
        }
      }
    }
  });
});
