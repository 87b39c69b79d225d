// Each step against its paper's equation, on single numbers in double precision.

import { describe, expect, it } from "vitest";
import { flowDraw } from "../../src/schedulers/bases/flow_spacing.ts";
import { ddimStep } from "../../src/schedulers/ddim.ts";
import { ddpmStep } from "../../src/schedulers/ddpm.ts";
import { dpmMultistepStep } from "../../src/schedulers/dpmsolver_multistep.ts";
import { eulerStep } from "../../src/schedulers/euler_discrete.ts";
import { flowEulerStep } from "../../src/schedulers/flow_match_euler_discrete.ts";
import { flowHeunStep } from "../../src/schedulers/flow_match_heun_discrete.ts";
import { heunStep } from "../../src/schedulers/heun_discrete.ts";
import { unipcStep } from "../../src/schedulers/unipc_multistep.ts";

const of = (...values: number[]) => Float32Array.from(values);
const levelOf = (alpha: number) => {
  const sigma = Math.sqrt(1 - alpha ** 2);
  return { alpha, sigma, lambda: Math.log(alpha / sigma) };
};

describe("a step of", () => {
  it("DDIM is equation 12", () => {
    const [x0, epsilon, z, alphaProdPrev, sigma] = [0.3, -1.2, 0.7, 0.6, 0.25];
    const direction = Math.sqrt(1 - alphaProdPrev - sigma ** 2);
    const expected = Math.sqrt(alphaProdPrev) * x0 + direction * epsilon + sigma * z;
    expect(ddimStep(of(x0), of(epsilon), { alphaProdPrev, sigma }, of(z))[0]).toBeCloseTo(expected, 6);
    const [still] = ddimStep(of(x0), of(epsilon), { alphaProdPrev, sigma: 0 }, null);
    expect(still).toBeCloseTo(Math.sqrt(alphaProdPrev) * x0 + Math.sqrt(1 - alphaProdPrev) * epsilon, 6);
  });

  it("DDPM is a draw from the posterior of equation 7", () => {
    const [x, x0, z, alphaProd, alphaProdPrev, sigma] = [1.1, 0.3, -0.6, 0.4, 0.5, 0.3];
    const alpha = alphaProd / alphaProdPrev;
    const beta = 1 - alpha;
    const mean =
      (Math.sqrt(alphaProdPrev) * beta * x0 + Math.sqrt(alpha) * (1 - alphaProdPrev) * x) / (1 - alphaProd);
    const ends = { alphaProd, alphaProdPrev, alpha, beta };
    expect(ddpmStep(of(x), of(x0), ends, () => sigma, of(z))[0]).toBeCloseTo(mean + sigma * z, 6);
    expect(ddpmStep(of(x), of(x0), ends, () => Number.NaN, null)[0]).toBeCloseTo(mean, 6);
  });

  it("Euler follows the slope", () => {
    const [x, x0, sigma, next] = [2, 0.5, 3, 1];
    expect(eulerStep(of(x), of(x0), sigma, next)[0]).toBeCloseTo(x + ((next - sigma) * (x - x0)) / sigma, 6);
  });

  it("Heun follows the mean of the slopes at its ends", () => {
    const [begin, end] = [
      { x: 2, x0: 0.5, sigma: 3 },
      { x: 1, x0: 0.25, sigma: 1 },
    ];
    const slopes = (begin.x - begin.x0) / begin.sigma + (end.x - end.x0) / end.sigma;
    const at = ({ x, x0, sigma }: typeof begin) => ({ x: of(x), x0: of(x0), sigma });
    expect(heunStep(at(begin), at(end))[0]).toBeCloseTo(
      begin.x + ((end.sigma - begin.sigma) * slopes) / 2,
      6,
    );
  });

  it("flow Euler and flow Heun follow the direction", () => {
    const [x, v, w, sigma, next] = [2, 0.5, -0.25, 0.75, 0.5];
    expect(flowEulerStep(of(x), of(v), sigma, next)[0]).toBeCloseTo(x + (next - sigma) * v, 6);
    const [heun] = flowHeunStep({ x: of(x), v: of(v), sigma }, { v: of(w), sigma: next });
    expect(heun).toBeCloseTo(x + ((next - sigma) * (v + w)) / 2, 6);
    expect(flowDraw(of(x), { alpha: 0.5, sigma: 0.25 }, of(v))[0]).toBeCloseTo(0.5 * x + 0.25 * v, 6);
  });

  it("UniPC weighs the slope between two points with 1/2 B(h)", () => {
    const [from, to] = [levelOf(0.5), levelOf(0.8)];
    const [x, f, g] = [1.5, 0.4, -0.3];
    const h = to.lambda - from.lambda;
    const points = [
      { lambda: from.lambda, output: of(f) },
      { lambda: from.lambda - 0.4, output: of(g) },
    ];
    const slope = (g - f) / (-0.4 / h);
    const first = (to.sigma / from.sigma) * x - to.alpha * Math.expm1(-h) * f;
    const byB = (solverType: "bh1" | "bh2", size: number) => {
      const [next] = unipcStep({ predictX0: true, solverType }, { from, sample: of(x), points }, to);
      expect(next).toBeCloseTo(first + 0.5 * to.alpha * size * slope, 6);
    };
    byB("bh1", h);
    byB("bh2", -Math.expm1(-h));
  });

  it("DPM-Solver++ 2M is the step of algorithm 2", () => {
    const [before, from, to] = [levelOf(0.4), levelOf(0.5), levelOf(0.8)];
    const [x, f, g] = [1.5, 0.4, -0.3];
    const h = to.lambda - from.lambda;
    const r = (from.lambda - before.lambda) / h;
    const D = (1 + 1 / (2 * r)) * f - (1 / (2 * r)) * g;
    const points = [
      { lambda: from.lambda, output: of(f) },
      { lambda: before.lambda, output: of(g) },
    ];
    const rule = { algorithmType: "dpmsolver++", solverType: "midpoint" } as const;
    const [next] = dpmMultistepStep(rule, { sample: of(x), from, to, points, noise: null });
    expect(next).toBeCloseTo((to.sigma / from.sigma) * x - to.alpha * Math.expm1(-h) * D, 6);
  });
});
