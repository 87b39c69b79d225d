// The noise levels of flow matching, and refused options.

import { describe, expect, it } from "vitest";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import {
  FlowMatchEulerDiscreteScheduler,
  FlowMatchLCMScheduler,
  torchNoise,
} from "../../src/schedulers/index.ts";
import { maxDifference } from "./harness.ts";

const x0 = hostTensor(Float32Array.of(0.1, -0.4, 0.7, 0.2), [1, 2, 2, 1]);
const noise = hostTensor(Float32Array.of(0.3, 1.1, -0.2, -1.5), [1, 2, 2, 1]);
const direction = (inverted: boolean) =>
  hostTensor(
    noise.data.map((epsilon, i) => (inverted ? x0.data[i] - epsilon : epsilon - x0.data[i])),
    x0.shape,
  );

describe("FlowMatchEulerDiscreteScheduler", () => {
  it.each([false, true])("follows the straight line from noise to image (inverted: %s)", (invertSigmas) => {
    for (const stochasticSampling of [false, true]) {
      const scheduler = new FlowMatchEulerDiscreteScheduler({ invertSigmas, stochasticSampling, shift: 3 });
      scheduler.setTimesteps(7);
      let x = noise;
      for (const t of scheduler.timesteps) {
        const step = scheduler.step(direction(invertSigmas), t, x, { varianceNoise: noise });
        expect(maxDifference(step.predOriginalSample, x0)).toBeLessThan(1e-6);
        x = step.prevSample;
      }
      expect(maxDifference(x, x0)).toBeLessThan(1e-6);
      expect(maxDifference(scheduler.addNoise(x0, noise, scheduler.timesteps.slice(0, 1)), noise)).toBe(0);
    }
  });

  it("shifts by mu where that is asked for", () => {
    const dynamic = new FlowMatchEulerDiscreteScheduler({ useDynamicShifting: true });
    dynamic.setTimesteps({ numInferenceSteps: 4, mu: Math.log(3) });
    expect(dynamic.timesteps[0]).toBe(1000);
    const even = 1 - (1 - 0.001) / 3;
    expect(dynamic.sigmas[1]).toBeCloseTo((3 * even) / (1 + 2 * even), 6);
    const linear = new FlowMatchEulerDiscreteScheduler({ useDynamicShifting: true, timeShiftType: "linear" });
    linear.setTimesteps({ numInferenceSteps: 4, mu: 3 });
    expect(linear.sigmas).toEqual(dynamic.sigmas);
    expect(dynamic.muOf(256)).toBe(0.5);
    expect(dynamic.muOf(4096)).toBeCloseTo(1.15, 12);
    expect(() => dynamic.setTimesteps(4)).toThrow("mu is undefined, but useDynamicShifting needs it");
    expect(() => linear.setTimesteps({ numInferenceSteps: 4, mu: -1 })).toThrow("mu is -1, expected above 0");
    const fixed = new FlowMatchEulerDiscreteScheduler();
    expect(() => fixed.setTimesteps({ numInferenceSteps: 4, mu: 1 })).toThrow("only with useDynamicShifting");
  });

  it("stretches its levels down to shiftTerminal", () => {
    const scheduler = new FlowMatchEulerDiscreteScheduler({ shiftTerminal: 0.1 });
    scheduler.setTimesteps(5);
    expect([...scheduler.sigmas].slice(-2)).toEqual([Math.fround(0.1), 0]);
    scheduler.setTimesteps(1);
    expect([...scheduler.sigmas]).toEqual([1, 0]);
  });

  it("takes custom timesteps and sigmas as they are", () => {
    const scheduler = new FlowMatchEulerDiscreteScheduler({ shift: 3 });
    scheduler.setTimesteps({ timesteps: [1000, 512.5, 1] });
    expect([...scheduler.sigmas]).toEqual([1, 0.5125, 0.001, 0].map(Math.fround));
    expect(scheduler.numInferenceSteps).toBe(3);
    scheduler.setTimesteps({ sigmas: [1, 0.5, 0.25] });
    expect(scheduler.timesteps).toEqual([1000, 500]);
    const given = (timesteps: number[]) => () => scheduler.setTimesteps({ timesteps });
    expect(given([])).toThrow("empty");
    expect(given([1001])).toThrow("hold 1001, expected numbers above 0, up to 1000");
    expect(given([0])).toThrow("hold 0");
    expect(given([5, 5])).toThrow("go from 5 to 5, expected descending order");
    expect(() => scheduler.setTimesteps({ sigmas: [1.5, 0] })).toThrow("hold 1.5 at 0, expected at most 1");
    const inverted = new FlowMatchEulerDiscreteScheduler({ invertSigmas: true });
    expect(() => inverted.setTimesteps({ sigmas: [1, 0] })).toThrow("do not go with invertSigmas");
    const spaced = new FlowMatchEulerDiscreteScheduler({ useBetaSigmas: true });
    expect(() => spaced.setTimesteps({ timesteps: [5] })).toThrow("do not go with a spacing of sigmas");
    const both = { useBetaSigmas: true, useKarrasSigmas: true };
    expect(() => new FlowMatchEulerDiscreteScheduler(both)).toThrow("expected at most one of them");
  });

  it("is finite for every number of steps", () => {
    for (const options of [
      {},
      { shift: 0.3, shiftTerminal: 0.02 },
      { useKarrasSigmas: true, stochasticSampling: true },
      { useExponentialSigmas: true, invertSigmas: true },
      { useBetaSigmas: true, shift: 5 },
    ]) {
      const scheduler = new FlowMatchEulerDiscreteScheduler(options);
      for (const steps of [1, 2, 7, 25, 1000]) {
        scheduler.setTimesteps(steps);
        expect(scheduler.timesteps.length).toBe(steps);
        const source = torchNoise(new TorchGenerator(0));
        let x = noise;
        for (const t of scheduler.timesteps) x = scheduler.step(x, t, x, { noise: source }).prevSample;
        expect(x.data.every(Number.isFinite)).toBe(true);
      }
    }
  });

  it("reads what it wrote", () => {
    const scheduler = new FlowMatchEulerDiscreteScheduler({
      shift: 3,
      shiftTerminal: 0.1,
      invertSigmas: true,
    });
    const json = scheduler.toConfig();
    expect(json).toMatchObject({ shift: 3, shift_terminal: 0.1, base_image_seq_len: 256 });
    expect(FlowMatchEulerDiscreteScheduler.fromConfig(json).config).toEqual(scheduler.config);
  });
});

describe("FlowMatchLCMScheduler", () => {
  it.each([false, true])(
    "goes to the image, and back to the next noise level (inverted: %s)",
    (invertSigmas) => {
      const scheduler = new FlowMatchLCMScheduler({ invertSigmas, shift: 3 });
      scheduler.setTimesteps(4);
      for (const [i, t] of scheduler.timesteps.entries()) {
        scheduler.setBeginIndex(i);
        const x = scheduler.addNoise(x0, noise, [t]);
        const z = hostTensor(Float32Array.of(0.5, -1, 2, 0.25), x0.shape);
        const step = scheduler.step(direction(invertSigmas), t, x, { varianceNoise: z });
        expect(maxDifference(step.predOriginalSample, x0)).toBeLessThan(1e-6);
        const sigma = scheduler.sigmas[i + 1];
        const ofNoise = invertSigmas ? 1 - sigma : sigma;
        const expected = x0.data.map((image, k) => (1 - ofNoise) * image + ofNoise * z.data[k]);
        expect(maxDifference(step.prevSample, hostTensor(expected, x0.shape))).toBeLessThan(1e-6);
      }
    },
  );

  it("refuses to enlarge images", () => {
    const read = () =>
      FlowMatchLCMScheduler.fromConfig({ scale_factors: [0.5, 0.75], upscale_mode: "nearest" });
    expect(read).toThrow("FlowMatchLCMScheduler: scale_factors is Array, expected null");
    expect(FlowMatchLCMScheduler.fromConfig({ upscale_mode: "nearest" }).config.upscaleMode).toBe("nearest");
  });
});
