// The integrals under the steps of solvers in λ, against numerical quadrature.

import { describe, expect, it } from "vitest";
import { dpmSinglestepStep as dpmStep } from "../../src/schedulers/dpmsolver_singlestep.ts";
import {
  exponentialMoments,
  exponentialStep,
  polynomialWeights,
  type SolverLevel,
} from "../../src/schedulers/math/exponential_step.ts";

/** ∫_0^1 f, by Gauss's rule of three points on 2,000 pieces. */
function integral(f: (u: number) => number): number {
  const pieces = 2000;
  let sum = 0;
  for (let i = 0; i < pieces; i++) {
    for (const [place, weight] of [
      [-Math.sqrt(0.6), 5 / 18],
      [0, 4 / 9],
      [Math.sqrt(0.6), 5 / 18],
    ]) {
      sum += weight * f((i + 0.5 + place / 2) / pieces);
    }
  }
  return sum / pieces;
}

function levelOf(lambda: number): SolverLevel {
  const alpha = 1 / Math.hypot(Math.exp(-lambda), 1);
  return { alpha, sigma: alpha * Math.exp(-lambda), lambda };
}

describe("exponentialMoments", () => {
  it.each([-20, -3, -1, -0.999, -0.01, -1e-9, 0, 1e-9, 0.01, 0.999, 1, 3, 20])("rate h = %d", (z) => {
    for (const [n, moment] of exponentialMoments(z, 5).entries()) {
      const expected = integral((u) => Math.exp(z * (u - 1)) * u ** n);
      expect(Math.abs(moment - expected)).toBeLessThan(1e-11 * expected);
    }
  });
});

describe("exponentialStep", () => {
  const from = levelOf(-0.4);
  const to = levelOf(0.3);
  const lambdas = [0, -0.3, -0.5, 0.7];

  it.each([
    ["data", 0],
    ["data", 1],
    ["noise", 0],
    ["noise", 0.5],
  ] as const)("integrates polynomials of %s exactly (tau %d)", (integrand, tau) => {
    const step = exponentialStep(integrand, from, to, tau);
    const cubic = (lambda: number) => 1 + lambda - 2 * lambda ** 2 + 0.5 * lambda ** 3;
    const weights = polynomialWeights(step, lambdas);
    const got = weights.reduce((sum, weight, i) => sum + weight * cubic(lambdas[i]), 0);
    const expected =
      step.scale * step.h * integral((u) => Math.exp(step.rate * step.h * (u - 1)) * cubic(u * step.h));
    expect(got).toBeCloseTo(expected, 12);
    expect(step.constant).toBeCloseTo(
      polynomialWeights(step, [0, 1])[0] + polynomialWeights(step, [0, 1])[1],
      12,
    );
  });

  it("keeps a sample on its line x_t = α x_0 + σ ε, and its variance where noise is added", () => {
    for (const tau of [0, 0.5, 1]) {
      const data = exponentialStep("data", from, to, tau);
      expect(data.carry * from.alpha + data.constant).toBeCloseTo(to.alpha, 14);
      expect(Math.hypot(data.carry * from.sigma, data.noise)).toBeCloseTo(to.sigma, 14);
    }
    const noise = exponentialStep("noise", from, to);
    expect(noise.carry * from.alpha).toBeCloseTo(to.alpha, 14);
    expect(noise.carry * from.sigma + noise.constant).toBeCloseTo(to.sigma, 14);
  });

  it("has a limit where no noise is left", () => {
    const clean = { alpha: 1, sigma: 0, lambda: Number.POSITIVE_INFINITY };
    for (const tau of [0, 1]) {
      expect(exponentialStep("data", from, clean, tau)).toMatchObject({ carry: 0, constant: 1, noise: 0 });
    }
    const { carry, constant } = exponentialStep("noise", from, clean);
    expect([carry, constant]).toEqual([1 / from.alpha, -from.sigma / from.alpha]);
  });
});

describe("dpmStep", () => {
  const algorithmTypes = ["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++"] as const;
  it.each(algorithmTypes)(
    "%s: the singlestep form of third order integrates a parabola exactly",
    (algorithmType) => {
      const from = levelOf(-0.4);
      const to = levelOf(0.3);
      const lambdas = [from.lambda, -0.2, 0.05];
      const step = exponentialStep(
        algorithmType.endsWith("++") ? "data" : "noise",
        from,
        to,
        algorithmType.startsWith("sde") ? 1 : 0,
      );
      const expected = polynomialWeights(
        step,
        lambdas.map((lambda) => lambda - from.lambda),
      );
      for (const [k, weight] of expected.entries()) {
        const points = lambdas.map((lambda, i) => ({ lambda, output: Float32Array.of(i === k ? 1 : 0) }));
        const rule = { algorithmType, solverType: "heun", form: "singlestep" } as const;
        const [got] = dpmStep(rule, { sample: new Float32Array(1), from, to, points, noise: null });
        expect(got).toBeCloseTo(weight, 6);
      }
    },
  );
});
