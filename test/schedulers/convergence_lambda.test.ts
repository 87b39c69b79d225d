// With the exact model of a Gaussian, solvers in λ show the orders of accuracy of their papers.

import { describe, expect, it } from "vitest";
import {
  DEISMultistepScheduler,
  DPMSolverMultistepScheduler,
  DPMSolverSinglestepScheduler,
  SASolverScheduler,
  UniPCMultistepScheduler,
} from "../../src/schedulers/index.ts";
import type { NoiseLevel } from "../../src/schedulers/math/prediction.ts";
import { flowError, observedOrders, smoothLevels, type VisibleScheduler } from "./gaussian.ts";

const preserving = (sigma: number): NoiseLevel => {
  const alpha = 1 / Math.hypot(sigma, 1);
  return { alpha, sigma: sigma * alpha };
};
const measurement = { target: { mean: 0.4, deviation: 0.6 }, type: "epsilon", levelOf: preserving } as const;

interface Case {
  readonly name: string;
  readonly make: () => VisibleScheduler;
  readonly order: number;
  /** Of smoothLevels. */
  readonly power?: number;
}

const full = { lowerOrderFinal: false, finalSigmasType: "sigma_min" } as const;
const algorithmTypes = ["dpmsolver", "dpmsolver++"] as const;
const solverTypes = ["midpoint", "heun"] as const;

const dpmCases = algorithmTypes.flatMap((algorithmType) =>
  solverTypes.flatMap((solverType) =>
    [1, 2, 3].flatMap((solverOrder): Case[] => {
      const options = { ...full, algorithmType, solverType, solverOrder };
      return [
        {
          name: `${algorithmType} ${solverType} ${solverOrder} singlestep`,
          make: () => new DPMSolverSinglestepScheduler(options),
          order: solverOrder,
        },
        {
          // The third has only half of its parabola, as in diffusers.
          name: `${algorithmType} ${solverType} ${solverOrder} multistep`,
          make: () => new DPMSolverMultistepScheduler(options),
          order: Math.min(solverOrder, 2),
        },
      ];
    }),
  ),
);

const deisCases = [1, 2, 3].map(
  (solverOrder): Case => ({
    name: `DEIS ${solverOrder}`,
    make: () => new DEISMultistepScheduler({ solverOrder, lowerOrderFinal: false }),
    order: solverOrder,
    ...(solverOrder === 3 ? { power: 2 } : {}),
  }),
);

const unipcCases = (["bh1", "bh2"] as const).flatMap((solverType) =>
  [1, 2, 3].map(
    (solverOrder): Case => ({
      name: `UniPC ${solverType} ${solverOrder}, corrected`,
      make: () => new UniPCMultistepScheduler({ ...full, solverType, solverOrder }),
      order: solverOrder + 1,
      ...(solverOrder === 3 ? { power: 2 } : {}),
    }),
  ),
);

const uncorrected = [1, 2, 3].map(
  (solverOrder): Case => ({
    name: `UniPC ${solverOrder} by epsilon, not corrected`,
    make: () =>
      new UniPCMultistepScheduler({
        ...full,
        solverOrder,
        predictX0: false,
        disableCorrector: Array.from({ length: 100 }, (_, i) => i),
      }),
    order: solverOrder,
    ...(solverOrder === 3 ? { power: 2 } : {}),
  }),
);

const saCases = [1, 2, 3].map(
  (order): Case => ({
    name: `SA-Solver ${order} without noise`,
    make: () =>
      new SASolverScheduler({
        predictorOrder: order,
        correctorOrder: order + 1,
        lowerOrderFinal: false,
        tauFunc: () => 0,
      }),
    order: order + 1,
    ...(order === 3 ? { power: 2 } : {}),
  }),
);

describe("order of accuracy over lambda", () => {
  it.each([...dpmCases, ...deisCases, ...unipcCases, ...uncorrected, ...saCases])("$name: $order", (one) => {
    const { make, order, power } = one;
    const errorOf = (count: number) => {
      const scheduler = make();
      scheduler.setTimesteps({ sigmas: smoothLevels(2.5, -2.5, count, power).map(Math.exp) });
      return flowError(scheduler, measurement);
    };
    for (const observed of observedOrders(errorOf, [24, 48, 96])) {
      expect(observed).toBeGreaterThan(order - 0.3);
      expect(observed).toBeLessThan(order + 0.5);
    }
  });
});
