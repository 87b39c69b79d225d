// Effects of single options of the solvers in λ, and refused ones.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import {
  DEISMultistepScheduler,
  DPMSolverMultistepScheduler,
  DPMSolverSinglestepScheduler,
  EDMDPMSolverMultistepScheduler,
  makeScheduler,
  SASolverScheduler,
  type Scheduler,
  type StepOptions,
  torchNoise,
  UniPCMultistepScheduler,
} from "../../src/schedulers/index.ts";
import { dummyNoiseDeter, dummySampleDeter, maxDifference } from "./harness.ts";

const sample = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
const output = hostTensor(Float32Array.of(0.3, 0.1, -0.2, 0.5), [1, 2, 2, 1]);
const seeded = () => torchNoise(new TorchGenerator(0));

function run(scheduler: Scheduler, options: StepOptions = {}) {
  let x = sample;
  for (const t of scheduler.timesteps) x = scheduler.step(output, t, x, options).prevSample;
  return x;
}

describe("names of other solvers", () => {
  it("are read as diffusers reads them", () => {
    const { config: dpm } = DPMSolverMultistepScheduler.fromConfig({
      algorithm_type: "deis",
      solver_type: "bh2",
    });
    expect([dpm.algorithmType, dpm.solverType]).toEqual(["dpmsolver++", "midpoint"]);
    const { config: deis } = DEISMultistepScheduler.fromConfig({
      algorithm_type: "dpmsolver++",
      solver_type: "heun",
    });
    expect([deis.algorithmType, deis.solverType]).toEqual(["deis", "logrho"]);
    expect(UniPCMultistepScheduler.fromConfig({ solver_type: "midpoint" }).config.solverType).toBe("bh2");
    expect(() => DEISMultistepScheduler.fromConfig({ algorithm_type: "sde-dpmsolver" })).toThrow(
      'algorithm_type is "sde-dpmsolver", expected "deis"',
    );
  });

  it("make schedulers by short name", () => {
    const source = new DPMSolverMultistepScheduler({ betaEnd: 0.01, solverType: "heun" });
    for (const name of ["dpm++", "dpm++-singlestep", "deis", "unipc", "sa-solver"] as const) {
      expect(makeScheduler(name, source).config.betaEnd).toBe(0.01);
    }
    expect(makeScheduler("edm-dpm++")).toBeInstanceOf(EDMDPMSolverMultistepScheduler);
  });
});

describe("wrong combinations", () => {
  it.each([
    [
      () => new DPMSolverMultistepScheduler({ algorithmType: "dpmsolver" }),
      '"dpmsolver" does not go with finalSigmasType',
    ],
    [
      () => new DPMSolverSinglestepScheduler({ algorithmType: "dpmsolver" }),
      '"dpmsolver" does not go with finalSigmasType',
    ],
    [
      () =>
        new DPMSolverMultistepScheduler({
          algorithmType: "sde-dpmsolver",
          solverOrder: 3,
          finalSigmasType: "sigma_min",
        }),
      "goes up to solverOrder 2, got 3",
    ],
    [
      () => new DPMSolverMultistepScheduler({ useLuLambdas: true, useKarrasSigmas: true }),
      "useKarrasSigmas and useLuLambdas",
    ],
    [() => new UniPCMultistepScheduler({ shiftTerminal: 0.1 }), "shiftTerminal 0.1 needs useFlowSigmas"],
    [
      () => new UniPCMultistepScheduler({ sigmaMin: 5, sigmaMax: 2 }),
      "sigmaMin 5 and sigmaMax 2 leave no range",
    ],
    [
      () => new DPMSolverMultistepScheduler({ lambdaMinClipped: 9 }).setTimesteps(5),
      "lambdaMinClipped 9 leaves no timestep",
    ],
    [
      () => new DEISMultistepScheduler({ stepsOffset: 999, timestepSpacing: "leading" }).setTimesteps(5),
      "use a smaller stepsOffset",
    ],
    [
      () => new DEISMultistepScheduler({ useFlowSigmas: true, useDynamicShifting: true }).setTimesteps(5),
      "useDynamicShifting needs mu",
    ],
    [
      () => new DEISMultistepScheduler({ useFlowSigmas: true }).setTimesteps({ sigmas: [2, 1, 0] }),
      "custom sigmas start at 2, expected at most 1 for a flow",
    ],
    [() => UniPCMultistepScheduler.fromConfig({ solver_p: "ddim" }), "solver_p is"],
  ])("are refused: %s", (make, message) => {
    expect(make).toThrow(message);
  });
});

describe("dynamic shifting", () => {
  it("moves a flow's sigmas by e^mu, or by mu", () => {
    const flow = { useFlowSigmas: true, predictionType: "flow_prediction" } as const;
    const sigmas = (options: object, mu: number | null) => {
      const scheduler = new UniPCMultistepScheduler({ ...flow, ...options });
      scheduler.setTimesteps({ numInferenceSteps: 5, ...(mu === null ? {} : { mu }) });
      return [...scheduler.sigmas];
    };
    const fixed = sigmas({ flowShift: 4 }, null);
    const linear = { useDynamicShifting: true, timeShiftType: "linear" };
    expect(sigmas(linear, 4)).toEqual(fixed);
    for (const [i, sigma] of sigmas({ useDynamicShifting: true }, Math.log(4)).entries()) {
      expect(sigma).toBeCloseTo(fixed[i], 6);
    }
    expect(() => sigmas(linear, -1)).toThrow("mu is -1, which shifts sigmas by -1");
  });
});

describe("noise", () => {
  it("is asked for by the stochastic solvers alone", () => {
    const stochastic = [
      new DPMSolverMultistepScheduler({ algorithmType: "sde-dpmsolver++" }),
      new DPMSolverSinglestepScheduler({ algorithmType: "sde-dpmsolver++" }),
      new EDMDPMSolverMultistepScheduler({ algorithmType: "sde-dpmsolver++" }),
      new SASolverScheduler(),
    ];
    for (const scheduler of stochastic) {
      scheduler.setTimesteps(5);
      expect(() => run(scheduler)).toThrow("give it options.noise");
      scheduler.setTimesteps(5);
      const drawn = run(scheduler, { noise: seeded() });
      scheduler.setTimesteps(5);
      expect(run(scheduler, { noise: seeded() })).toEqual(drawn);
    }
  });

  it("of SA-Solver is what tauFunc says", () => {
    const ends = [0, 1].map((tau) => {
      const scheduler = new SASolverScheduler({ tauFunc: () => tau });
      scheduler.setTimesteps(5);
      return [seeded(), torchNoise(new TorchGenerator(1))].map((noise) => {
        scheduler.setTimesteps(5);
        return run(scheduler, { noise });
      });
    });
    expect(ends[0][0]).toEqual(ends[0][1]);
    expect(ends[1][0]).not.toEqual(ends[1][1]);
    expect(() => {
      const scheduler = new SASolverScheduler({ tauFunc: () => -1 });
      scheduler.setTimesteps(5);
      run(scheduler, { noise: seeded() });
    }).toThrow("is -1, expected a number from 0 up");
  });
});

describe("runs", () => {
  const make = [
    () => new DPMSolverMultistepScheduler({ predictionType: "sample", solverOrder: 3 }),
    () => new DPMSolverMultistepScheduler({ predictionType: "sample", algorithmType: "sde-dpmsolver++" }),
    () => new DPMSolverSinglestepScheduler({ predictionType: "sample", solverOrder: 3 }),
    () => new UniPCMultistepScheduler({ predictionType: "sample", solverOrder: 3 }),
    () => new UniPCMultistepScheduler({ predictionType: "sample", predictX0: false }),
  ];

  it("end at the image that the model is sure of, also from the middle", () => {
    for (const [i, of] of make.entries()) {
      for (const begin of [null, 4]) {
        const scheduler = of();
        scheduler.setTimesteps(10);
        if (begin !== null) scheduler.setBeginIndex(begin);
        let x = sample;
        for (const t of scheduler.timesteps.slice(begin ?? 0)) {
          x = scheduler.step(output, t, x, { noise: seeded() }).prevSample;
        }
        expect(maxDifference(x, output), `${i}`).toBeLessThan(1e-5);
      }
    }
  });

  it("noise images to where steps start, keeping their variance", () => {
    const [x0, noise] = [dummySampleDeter(), dummyNoiseDeter()];
    const scheduler = new DPMSolverMultistepScheduler();
    scheduler.setTimesteps(10);
    const [t] = scheduler.timesteps.slice(5);
    const sigma = scheduler.sigmas[5];
    const noised = scheduler.addNoise(x0, noise, [t]);
    const expected = x0.data.map((x, i) => (x + sigma * noise.data[i]) / Math.hypot(sigma, 1));
    expect(maxDifference(noised, hostTensor(expected, x0.shape))).toBeLessThan(1e-6);
    const flow = new DPMSolverMultistepScheduler({ useFlowSigmas: true, predictionType: "flow_prediction" });
    expect(() => flow.addNoise(x0, noise, [500])).toThrow("call setTimesteps before adding noise");
  });

  it("of a flow can start from pure noise", () => {
    const scheduler = new UniPCMultistepScheduler({ useFlowSigmas: true, predictionType: "flow_prediction" });
    scheduler.setTimesteps({ sigmas: [1, 0.5, 0.2, 0] });
    expect(scheduler.timesteps).toEqual([999, 500, 200]);
    expect(run(scheduler).data.every(Number.isFinite)).toBe(true);
  });
});
