// The Brownian motion of DPMSolverSDEScheduler, and its independence between images.

import { describe, expect, it } from "vitest";
import { type HostTensor, hostTensor } from "../../src/engine/host_tensor.ts";
import { imageNoise } from "../../src/pipelines/image_noise.ts";
import { DPMSolverSDEScheduler, type NoiseSource } from "../../src/schedulers/index.ts";
import { BrownianPath, keyOf } from "../../src/schedulers/math/brownian_path.ts";
import { countedNoise, dummyModel, maxDifference } from "./harness.ts";

const levels = [157.4, 40, 12.5, 3, 0.7, 0.2, 0.0292].map(Math.fround);
const SIZE = 4096;

const correlation = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, x, i) => sum + x * b[i], 0) / a.length;

describe("BrownianPath", () => {
  it("has independent increments of the variance of their length", () => {
    const path = new BrownianPath(7n, SIZE, 157.4);
    const scaled = levels.slice(1).map((to, i) => {
      const increment = path.increment(levels[i], to);
      return increment.map((w) => w / Math.sqrt(levels[i] - to));
    });
    // Standard errors of 4096 values: sqrt(2 / 4096) = 0.022 of a variance, 0.016 of a mean or correlation; 4 of them.
    for (const [i, a] of scaled.entries()) {
      expect(Math.abs(a.reduce((sum, w) => sum + w, 0) / SIZE)).toBeLessThan(0.0625);
      expect(Math.abs(correlation(a, a) - 1)).toBeLessThan(0.09);
      for (const b of scaled.slice(i + 1)) expect(Math.abs(correlation(a, b))).toBeLessThan(0.0625);
    }
  });

  it("adds up, however it is asked", () => {
    const coarse = new BrownianPath(7n, 8, 157.4).increment(levels[0], levels[6]);
    const path = new BrownianPath(7n, 8, 157.4);
    const sum = new Float64Array(8);
    for (const [i, to] of levels.slice(1).entries()) {
      for (const [k, w] of path.increment(levels[i], to).entries()) sum[k] += w;
    }
    for (const [k, w] of sum.entries()) expect(w).toBeCloseTo(coarse[k], 10);
    const again = new BrownianPath(7n, 8, 157.4);
    again.increment(levels[5], levels[3]);
    expect(again.increment(levels[0], levels[6])).toEqual(coarse);
    expect(path.increment(levels[6], levels[0])).toEqual(coarse.map((w) => -w));
    expect(new BrownianPath(8n, 8, 157.4).increment(levels[0], levels[6])).not.toEqual(coarse);
  });

  it("is keyed by every value", () => {
    const values = Float32Array.of(0.1, 0.2, 0.3);
    expect(keyOf(values)).toBe(keyOf(values.slice()));
    for (const i of [0, 1, 2]) expect(keyOf(values.with(i, 0.5))).not.toBe(keyOf(values));
    expect(keyOf(values.toReversed())).not.toBe(keyOf(values));
  });
});

/** A run from the noise of some images of one seed. */
function run(scheduler: DPMSolverSDEScheduler, steps: number, count: number, noise: NoiseSource): HostTensor {
  scheduler.setTimesteps(steps);
  const start = noise.randn([count, 4, 4, 3]);
  let x = hostTensor(
    start.data.map((z) => z * scheduler.initNoiseSigma),
    start.shape,
  );
  for (const t of scheduler.timesteps) {
    x = scheduler.step(dummyModel(scheduler.scaleModelInput(x, t), t), t, x, { noise }).prevSample;
  }
  return x;
}

describe("DPMSolverSDEScheduler", () => {
  it("gives an image the same bits in any batch, and every time", () => {
    const scheduler = new DPMSolverSDEScheduler({ useKarrasSigmas: true });
    const three = run(scheduler, 7, 3, imageNoise(5));
    expect(run(scheduler, 7, 3, imageNoise(5)).data).toEqual(three.data);
    const last = run(scheduler, 7, 1, imageNoise(5, 2));
    expect(last.data).toEqual(three.data.slice(96));
    expect(last.data).not.toEqual(three.data.slice(48, 96));
  });

  it("draws once a run, or never with a seed of its own", () => {
    const noise = countedNoise();
    run(new DPMSolverSDEScheduler(), 7, 1, noise);
    expect(noise.draws).toBe(2); // the start, and the motion's key
    run(new DPMSolverSDEScheduler({ noiseSamplerSeed: 3 }), 7, 1, noise);
    expect(noise.draws).toBe(3);
    expect(() => new DPMSolverSDEScheduler({ noiseSamplerSeed: -1 })).toThrow("noiseSamplerSeed is -1");
  });

  it("meets the same noise in any number of steps", () => {
    const ends = [100, 200, 400].map((steps) => {
      const scheduler = new DPMSolverSDEScheduler({ useKarrasSigmas: true, noiseSamplerSeed: 11 });
      return run(scheduler, steps, 1, imageNoise(5));
    });
    const other = new DPMSolverSDEScheduler({ useKarrasSigmas: true, noiseSamplerSeed: 12 });
    const apart = maxDifference(run(other, 400, 1, imageNoise(5)), ends[2]);
    for (const end of ends) expect(maxDifference(end, ends[2])).toBeLessThan(apart / 4);
  });

  it("is Euler without noise in its last step, and needs noise in the others", () => {
    const scheduler = new DPMSolverSDEScheduler();
    scheduler.setTimesteps(1);
    const x = hostTensor(Float32Array.of(1, 2, 3), [1, 1, 1, 3]);
    const { prevSample, predOriginalSample } = scheduler.step(x, scheduler.timesteps[0], x);
    expect(prevSample).toEqual(predOriginalSample);
    scheduler.setTimesteps(3);
    expect(() => scheduler.step(x, scheduler.timesteps[0], x)).toThrow("give it options.noise");
  });
});
