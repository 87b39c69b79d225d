// With the exact model of a Gaussian, halving the steps shows each solver's order of accuracy.

import { describe, expect, it } from "vitest";
import {
  EulerDiscreteScheduler,
  FlowMatchEulerDiscreteScheduler,
  FlowMatchHeunDiscreteScheduler,
  HeunDiscreteScheduler,
  KDPM2DiscreteScheduler,
  LMSDiscreteScheduler,
} from "../../src/schedulers/index.ts";
import { flowError, observedOrders, smoothLevels, type VisibleScheduler } from "./gaussian.ts";

const target = { mean: 0.3, deviation: 0.5 };
const exploding = (sigma: number) => ({ alpha: 1, sigma });

interface Case {
  readonly name: string;
  readonly make: () => VisibleScheduler;
  readonly order: number;
  readonly steps: readonly number[];
  /** The noise levels where runs begin and end. */
  readonly range: readonly [number, number];
  /** Of smoothLevels. */
  readonly power?: number;
}

const cases: readonly Case[] = [
  {
    name: "Euler",
    make: () => new EulerDiscreteScheduler(),
    order: 1,
    steps: [32, 64, 128],
    range: [3, 0.1],
  },
  { name: "Heun", make: () => new HeunDiscreteScheduler(), order: 2, steps: [16, 32, 64], range: [3, 0.1] },
  { name: "DPM2", make: () => new KDPM2DiscreteScheduler(), order: 2, steps: [16, 32, 64], range: [3, 0.1] },
  // Fewer steps do not show the order yet, more are as exact as float32 images.
  {
    name: "LMS",
    make: () => new LMSDiscreteScheduler(),
    order: 4,
    steps: [32, 64],
    range: [2, 0.5],
    power: 1.5,
  },
];

describe("order of accuracy over sigma", () => {
  it.each(cases)("$name: $order", ({ make, order, steps, range, power }) => {
    const errorOf = (count: number) => {
      const scheduler = make();
      scheduler.setTimesteps({ sigmas: smoothLevels(...range, count, power) });
      return flowError(scheduler, { target, type: "epsilon", levelOf: exploding });
    };
    for (const observed of observedOrders(errorOf, steps)) {
      expect(observed).toBeGreaterThan(order - 0.25);
      expect(observed).toBeLessThan(order + 0.5);
    }
  });
});

describe("order of accuracy along the flow", () => {
  const flows = [
    { name: "Euler", make: () => new FlowMatchEulerDiscreteScheduler(), order: 1 },
    { name: "Heun", make: () => new FlowMatchHeunDiscreteScheduler(), order: 2 },
  ];

  it.each(flows)("$name: $order", ({ make, order }) => {
    const errorOf = (count: number) => {
      const scheduler = make();
      scheduler.setTimesteps({ sigmas: smoothLevels(1, 0.02, count) });
      const levelOf = (sigma: number) => ({ alpha: 1 - sigma, sigma });
      return flowError(scheduler, { target, type: "flow_prediction", levelOf });
    };
    for (const observed of observedOrders(errorOf, [16, 32, 64])) {
      expect(Math.abs(observed - order)).toBeLessThan(0.3);
    }
  });
});
