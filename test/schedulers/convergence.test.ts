// convergence.test.ts: with the exact model of a Gaussian, halving the steps shows each solver's order of accuracy.

import { describe, expect, it } from "vitest";
import { EulerDiscreteScheduler } from "../../src/schedulers/index.ts";
import { flowError, observedOrders, smoothLevels, type VisibleScheduler } from "./gaussian.ts";

const target = { mean: 0.3, deviation: 0.5 };
const exploding = (sigma: number) => ({ alpha: 1, sigma });

interface Case {
  readonly name: string;
  readonly make: () => VisibleScheduler;
  readonly order: number;
  readonly steps: readonly number[];
  /** Of smoothLevels. */
  readonly power?: number;
}

const cases: readonly Case[] = [
  { name: "Euler", make: () => new EulerDiscreteScheduler(), order: 1, steps: [32, 64, 128] },
];

describe("order of accuracy over sigma", () => {
  it.each(cases)("$name: $order", ({ make, order, steps, power }) => {
    const errorOf = (count: number) => {
      const scheduler = make();
      scheduler.setTimesteps({ sigmas: smoothLevels(3, 0.1, count, power) });
      return flowError(scheduler, { target, type: "epsilon", levelOf: exploding });
    };
    for (const observed of observedOrders(errorOf, steps)) {
      expect(observed).toBeGreaterThan(order - 0.25);
      expect(observed).toBeLessThan(order + 0.5);
    }
  });
});
