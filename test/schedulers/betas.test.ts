// Noise schedules and timestep spacings.

import { describe, expect, it } from "vitest";
import {
  type BetaSchedule,
  betaSchedules,
  cumulativeAlphas,
  makeBetas,
  rescaleZeroTerminalSnr,
} from "../../src/schedulers/math/betas.ts";
import { roundHalfToEven, spacedTimesteps } from "../../src/schedulers/math/spacing.ts";

const make = (schedule: BetaSchedule) => makeBetas(schedule, 1000, 0.0001, 0.02);

describe("beta schedules", () => {
  it("linear and scaled_linear run from betaStart to betaEnd", () => {
    for (const schedule of ["linear", "scaled_linear"] as const) {
      const betas = make(schedule);
      expect(betas[0]).toBeCloseTo(0.0001, 9);
      expect(betas[999]).toBeCloseTo(0.02, 8);
    }
    expect(make("linear")[500]).toBeCloseTo(0.0001 + (0.0199 * 500) / 999, 8);
    expect(make("scaled_linear")[500]).toBeCloseTo((0.01 + ((Math.sqrt(0.02) - 0.01) * 500) / 999) ** 2, 8);
  });

  it("sigmoid is symmetric about its middle", () => {
    const betas = make("sigmoid");
    for (const i of [0, 100, 499]) expect(betas[i] + betas[999 - i]).toBeCloseTo(0.0201, 7);
    expect(betas[0]).toBeCloseTo(0.0001 + 0.0199 / (1 + Math.exp(6)), 8);
  });

  it("squaredcos_cap_v2 follows its ᾱ and is capped at 0.999", () => {
    const betas = make("squaredcos_cap_v2");
    const alphas = cumulativeAlphas(betas);
    const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    for (const i of [0, 250, 500, 900]) {
      expect(alphas[i]).toBeCloseTo(alphaBar((i + 1) / 1000) / alphaBar(0), 6);
    }
    expect(betas[999]).toBe(Math.fround(0.999));
  });

  it.each(betaSchedules)("%s: finite betas, ᾱ never rises", (schedule) => {
    for (const count of [1, 2, 3, 50, 1000]) {
      const betas = makeBetas(schedule, count, 0.0001, 0.02);
      const alphas = cumulativeAlphas(betas);
      expect(betas.length).toBe(count);
      expect(betas.every(Number.isFinite)).toBe(true);
      expect(alphas.every((alpha, i) => i === 0 || alpha <= alphas[i - 1])).toBe(true);
    }
  });

  it("rescaling ends at zero signal and leaves the first step alone", () => {
    const betas = make("scaled_linear");
    const rescaled = rescaleZeroTerminalSnr(betas);
    const alphas = cumulativeAlphas(rescaled);
    expect(alphas[999]).toBe(0);
    expect(rescaled[999]).toBe(1);
    expect(alphas[998]).toBeGreaterThan(0);
    expect(alphas[0]).toBeCloseTo(cumulativeAlphas(betas)[0], 6);
  });
});

describe("timestep spacing", () => {
  it("rounds halves to even", () => {
    expect([0.5, 1.5, 2.5, 2.4999, 3.5001, -0.5, -1.5].map(roundHalfToEven)).toEqual([0, 2, 2, 2, 4, 0, -2]);
  });

  it("leading takes every r-th timestep, plus the offset", () => {
    expect(spacedTimesteps("leading", 5, 1000, 0)).toEqual([800, 600, 400, 200, 0]);
    expect(spacedTimesteps("leading", 5, 1000, 1)).toEqual([801, 601, 401, 201, 1]);
    expect(spacedTimesteps("leading", 7, 1000, 0)).toEqual([852, 710, 568, 426, 284, 142, 0]);
  });

  it("trailing starts at the last timestep", () => {
    expect(spacedTimesteps("trailing", 5, 1000, 0)).toEqual([999, 799, 599, 399, 199]);
    expect(spacedTimesteps("trailing", 7, 1000, 0)).toEqual([999, 856, 713, 570, 428, 285, 142]);
    // 1000 - 62.5 k: the halves go to even numbers, before 1 is taken away
    expect(spacedTimesteps("trailing", 16, 1000, 0).slice(0, 4)).toEqual([999, 937, 874, 811]);
  });

  it("linspace includes both ends", () => {
    expect(spacedTimesteps("linspace", 1, 1000, 0)).toEqual([0]);
    expect(spacedTimesteps("linspace", 5, 1000, 0)).toEqual([999, 749, 500, 250, 0]);
    // 4.5, 13.5, ... of ten timesteps in three: a half goes to the even neighbour
    expect(spacedTimesteps("linspace", 3, 10, 0)).toEqual([9, 4, 0]);
  });

  it("gives distinct, descending timesteps within 0 .. T-1 for every number of steps", () => {
    for (const spacing of ["leading", "trailing", "linspace"] as const) {
      for (let steps = 1; steps <= 1000; steps++) {
        const timesteps = spacedTimesteps(spacing, steps, 1000, 0);
        const descending = timesteps.every((t, i) => t < (timesteps[i - 1] ?? 1000) && t >= 0);
        if (timesteps.length !== steps || !descending) throw new Error(`${spacing}, ${steps}: ${timesteps}`);
      }
    }
  });
});
